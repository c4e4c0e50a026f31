"""Guests migrate over TLS only."""

from tests.kit import judge, made, results
from virtwarden.controls.console.migration_tls_forced import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import QemuConf


def test_libvirts_default_fails_with_the_fix() -> None:
    files = {"/etc/pki/qemu/server-cert.pem": ""}
    (finding,) = judge(CONTROL, made(QemuConf(), files=files))
    assert (finding.result, [change.edit for change in finding.fix]) == ("fail", [SetConf("migrate_tls_force", 1)])


def test_a_certificate_comes_first() -> None:
    (finding,) = judge(CONTROL, made(QemuConf()))
    assert [str(change.document) for change in finding.fix] == [
        "/etc/pki/libvirt-migrate/server-cert.pem",
        "/etc/libvirt/qemu.conf",
    ]
    assert finding.fix[0].safety == "manual"


def test_tls_forced_passes() -> None:
    assert results(CONTROL, made(QemuConf(migrate_tls_force=True))) == ["pass"]
