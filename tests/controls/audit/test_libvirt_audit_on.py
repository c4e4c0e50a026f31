"""libvirt writes its records to the audit system."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.libvirt_audit_on import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.libvirt import Libvirt

MONOLITHIC = {"/usr/sbin/libvirtd": ""}
MODULAR = {"/usr/sbin/virtqemud": "", "/run/virtqemud.pid": "1\n"}


def test_the_default_and_one_and_two_pass() -> None:
    for text in ("", "audit_level = 1\n", "audit_level = 2\n"):
        assert results(CONTROL, made(files={**MONOLITHIC, "/etc/libvirt/libvirtd.conf": text})) == ["pass"]


def test_zero_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(files={**MONOLITHIC, "/etc/libvirt/libvirtd.conf": "audit_level = 0\n"}))
    assert finding.result == "fail"
    assert (finding.fix[0].document.name, finding.fix[0].edit) == (
        "/etc/libvirt/libvirtd.conf",
        SetConf("audit_level", 1),
    )


def test_on_a_modular_host_virtqemuds_file_counts() -> None:
    files = {**MODULAR, "/etc/libvirt/libvirtd.conf": "audit_level = 0\n"}
    assert results(CONTROL, made(files=files)) == ["pass"]
    files["/etc/libvirt/virtqemud.conf"] = "audit_level = 0\n"
    assert results(CONTROL, made(files=files)) == ["fail"]


def test_a_host_without_libvirt_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_libvirt_without_records_fails() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 7, 6))
    (finding,) = judge(CONTROL, made(old, files={"/etc/libvirt/libvirtd.conf": "audit_level = 1\n"}))
    assert (finding.result, finding.message) == ("fail", "libvirt 0.7.6 writes no audit records")
