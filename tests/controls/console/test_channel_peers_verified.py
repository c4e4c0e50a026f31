"""TLS of channels, migrations and backups asks the other side for its certificate."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.console.channel_peers_verified import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import QemuConf


def test_libvirts_defaults_pass() -> None:
    assert results(CONTROL, made(QemuConf())) == ["pass"] * 3


@pytest.mark.parametrize(
    ("key", "conf"),
    [
        ("chardev_tls_x509_verify", QemuConf(chardev_tls_x509_verify=False)),
        ("migrate_tls_x509_verify", QemuConf(migrate_tls_x509_verify=False)),
        ("backup_tls_x509_verify", QemuConf(backup_tls_x509_verify=False)),
    ],
)
def test_one_that_lets_any_peer_in_fails_with_the_fix(key: str, conf: QemuConf) -> None:
    found = judge(CONTROL, made(conf))
    assert sorted(finding.result for finding in found) == ["fail", "pass", "pass"]
    (failed,) = (finding for finding in found if finding.result == "fail")
    assert (failed.subject.name, failed.fix[0].edit) == (key, SetConf(key, 1))


def test_the_default_for_all_counts_where_none_of_its_own_is_set() -> None:
    conf = QemuConf(default_tls_x509_verify=False, migrate_tls_x509_verify=True)
    assert results(CONTROL, made(conf)) == ["fail", "pass", "fail"]
