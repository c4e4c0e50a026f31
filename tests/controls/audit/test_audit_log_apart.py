"""The audit log has a file system of its own."""

from tests.kit import entry, judge, made, results
from virtwarden.controls.audit.audit_log_apart import CONTROL
from virtwarden.host import Host, Unknown

LOG = "/var/log/audit"
ROOT = "/dev/vda1 / ext4 rw 0 0\n"


def mounted(mounts: str | Unknown, real: str = LOG) -> Host:
    return made(files={"/proc/mounts": mounts}, stats=[entry(LOG, real=real, kind="dir")])


def test_a_mount_at_the_log_passes_also_where_it_is_reached_by_a_link() -> None:
    assert results(CONTROL, mounted(f"{ROOT}/dev/vda3 {LOG} xfs rw 0 0\n")) == ["pass"]
    assert results(CONTROL, mounted(f"{ROOT}/dev/vda3 /srv/audit xfs rw 0 0\n", "/srv/audit")) == ["pass"]


def test_a_log_on_the_file_system_of_others_fails() -> None:
    (finding,) = judge(CONTROL, mounted(f"{ROOT}/dev/vda2 /var/log ext4 rw 0 0\n"))
    assert (finding.result, finding.message) == ("fail", "it shares the file system at /var/log")
    assert finding.fix
    assert results(CONTROL, mounted(ROOT)) == ["fail"]


def test_mounts_that_cannot_be_read_are_unknown() -> None:
    assert results(CONTROL, mounted(Unknown("/proc is not part of an image"))) == ["unknown"]


def test_a_host_without_an_audit_log_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]
