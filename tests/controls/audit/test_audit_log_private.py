"""Only root reads the audit log, the rules and the daemon's settings."""

from tests.kit import entry, judge, made, results
from virtwarden.controls.audit.audit_log_private import CONTROL
from virtwarden.edits import SetMode
from virtwarden.host import Absent, Unknown


def test_files_closed_to_others_pass() -> None:
    stats = [
        entry("/var/log/audit", kind="dir", mode=0o750, group="adm"),
        entry("/var/log/audit/audit.log", mode=0o600),
        entry("/var/log/audit/audit.log.1", mode=0o400),
        entry("/etc/audit/rules.d/a.rules", mode=0o640),
    ]
    assert results(CONTROL, made(stats=stats)) == ["pass"] * 4


def test_a_log_that_others_read_fails_with_the_mode_that_is_right() -> None:
    (finding,) = judge(CONTROL, made(stats=[entry("/var/log/audit/audit.log", mode=0o644)]))
    assert (finding.result, finding.message) == ("fail", "mode 0644, owner root")
    assert finding.fix[0].edit == SetMode(0o640, "root")


def test_another_owner_fails() -> None:
    assert results(CONTROL, made(stats=[entry("/etc/audit/auditd.conf", mode=0o600, uid=1000)])) == ["fail"]


def test_a_directory_that_cannot_be_listed_is_unknown() -> None:
    refused = Unknown("permission denied")
    host = made(files={"/var/log/audit/audit.log*": refused})
    assert "unknown" in results(CONTROL, host)
    assert results(CONTROL, made(stats={"/var/log/audit/audit.log": refused})) == ["unknown"]


def test_a_host_without_audit_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_log_that_was_rotated_away_meanwhile_is_passed_over() -> None:
    gone: dict[str, str | bytes | Unknown | Absent] = {
        "/var/log/audit/audit.log.4": Absent("rotated away"),
        "/etc/audit/auditd.conf": "",
    }
    closed = [entry("/etc/audit/auditd.conf", mode=0o600)]
    assert results(CONTROL, made(files=gone, stats=closed)) == ["pass"]
