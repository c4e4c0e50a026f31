"""Guests migrate over TLS only."""

from tests.consoles import credentials
from tests.kit import judge, made, results
from tests.remotehost import MONOLITHIC
from virtwarden.controls.console.migration_tls_forced import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf


def test_libvirts_default_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(MONOLITHIC, QemuConf(), files=credentials("/etc/pki/qemu")))
    assert (finding.result, [change.edit for change in finding.fix]) == ("fail", [SetConf("migrate_tls_force", 1)])


def test_a_certificate_comes_first() -> None:
    (finding,) = judge(CONTROL, made(MONOLITHIC, QemuConf()))
    assert [str(change.document) for change in finding.fix] == [
        "/etc/pki/libvirt-migrate/server-cert.pem",
        "/etc/libvirt/qemu.conf",
    ]
    assert finding.fix[0].safety == "manual"


def test_tls_forced_passes() -> None:
    assert results(CONTROL, made(MONOLITHIC, QemuConf(migrate_tls_force=True))) == ["pass"]


def test_a_libvirt_that_knows_no_tls_for_migrations_passes_over_the_key() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 10, 2))
    (finding,) = judge(CONTROL, made(old, QemuConf(migrate_tls_force=True)))
    assert (finding.result, finding.message) == ("fail", "this libvirt has no TLS for migrations")
    assert isinstance(finding.fix[0].edit, Do)
