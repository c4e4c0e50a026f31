"""Guests migrate over TLS only."""

from tests.kit import judge, made, results
from virtwarden.controls.console.migration_tls_forced import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import QemuConf


def test_libvirts_default_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(QemuConf()))
    assert (finding.result, finding.fix[0].edit) == ("fail", SetConf("migrate_tls_force", 1))


def test_tls_forced_passes() -> None:
    assert results(CONTROL, made(QemuConf(migrate_tls_force=True))) == ["pass"]
