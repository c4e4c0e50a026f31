"""libvirt writes its audit records to its own log as well."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.libvirt_audit_logged import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.libvirt import Libvirt

MONOLITHIC = {"/usr/sbin/libvirtd": ""}
MODULAR = {"/usr/sbin/virtqemud": "", "/run/virtqemud.pid": "1\n"}


def test_one_passes_and_the_default_fails_with_the_fix() -> None:
    assert results(CONTROL, made(files={**MONOLITHIC, "/etc/libvirt/libvirtd.conf": "audit_logging = 1\n"})) == [
        "pass"
    ]
    for text in ("", "audit_logging = 0\n"):
        (finding,) = judge(CONTROL, made(files={**MONOLITHIC, "/etc/libvirt/libvirtd.conf": text}))
        assert finding.result == "fail"
        assert (finding.fix[0].document.name, finding.fix[0].edit) == (
            "/etc/libvirt/libvirtd.conf", SetConf("audit_logging", 1)
        )  # fmt: skip


def test_on_a_modular_host_virtqemuds_file_counts() -> None:
    files = {**MODULAR, "/etc/libvirt/libvirtd.conf": "audit_logging = 1\n"}
    (finding,) = judge(CONTROL, made(files=files))
    assert (finding.result, finding.fix[0].document.name) == ("fail", "/etc/libvirt/virtqemud.conf")
    files["/etc/libvirt/virtqemud.conf"] = "audit_logging = 1\n"
    assert results(CONTROL, made(files=files)) == ["pass"]


def test_a_libvirt_that_does_not_know_it_and_a_host_without_one_are_not_judged() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 7, 6))
    assert results(CONTROL, made(old, files={"/etc/libvirt/libvirtd.conf": ""})) == ["notapplicable"]
    assert results(CONTROL, made()) == ["notapplicable"]
