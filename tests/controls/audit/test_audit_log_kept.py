"""The audit log is large enough, and a full disk does not end it in silence."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_log_kept import CONTROL
from virtwarden.facts.policy import Audit, Policy
from virtwarden.host import Host

DEBIAN = """log_file = /var/log/audit/audit.log
max_log_file = 8
num_logs = 5
max_log_file_action = ROTATE
space_left = 75
space_left_action = SYSLOG
admin_space_left = 50
admin_space_left_action = SUSPEND
disk_full_action = SUSPEND
disk_error_action = SUSPEND
"""


def conf(text: str, policy: Policy | None = None) -> Host:
    return made(policy or Policy(), files={"/etc/audit/auditd.conf": text})


def test_debians_own_settings_meet_the_default() -> None:
    assert results(CONTROL, conf(DEBIAN)) == ["pass"] * 5


def test_a_log_that_is_too_short_fails_with_the_fix() -> None:
    finding = judge(CONTROL, conf(DEBIAN, Policy(audit=Audit(keep_mib=400))))[0]
    assert finding.message == "40 MiB of log are kept, less than 400"
    assert [change.edit.value for change in finding.fix] == ["80", "5", "rotate"]  # type: ignore[union-attr]


def test_a_log_that_is_not_rotated_fails_and_one_that_is_kept_passes() -> None:
    ignored = judge(CONTROL, conf(DEBIAN.replace("ROTATE", "IGNORE")))[0]
    assert (ignored.result, ignored.message) == ("fail", "a full log is met with ignore")
    kept = judge(CONTROL, conf(DEBIAN.replace("ROTATE", "keep_logs"), Policy(audit=Audit(keep_mib=4000))))[0]
    assert kept.result == "pass"


def test_actions_of_ignore_fail() -> None:
    findings = judge(CONTROL, conf(DEBIAN.replace("SUSPEND", "IGNORE")))
    assert [finding.result for finding in findings] == ["pass", "pass", "fail", "fail", "fail"]
    assert findings[3].message == "disk_full_action is ignore"


def test_settings_that_are_missing_are_what_auditd_does_then() -> None:
    findings = judge(CONTROL, conf("log_file = /x\n"))
    assert [(str(finding.result), finding.message) for finding in findings] == [
        ("fail", "a full log is met with ignore"),
        ("fail", "space_left_action is not set, which means ignore"),
        ("fail", "admin_space_left_action is not set, which means ignore"),
        ("fail", "disk_full_action is not set, which means ignore"),
        ("pass", "disk_error_action is not set, which means syslog"),
    ]


def test_one_log_is_never_rotated() -> None:
    finding = judge(CONTROL, conf(DEBIAN.replace("num_logs = 5", "num_logs = 1")))[0]
    assert finding.message == "num_logs is 1: the log is never rotated and grows until the disk is full"


def test_a_daemon_that_writes_no_log_fails() -> None:
    finding = judge(CONTROL, conf("write_logs = no\n" + DEBIAN))[0]
    assert (finding.result, finding.message) == ("fail", "auditd writes no log")


def test_a_last_warning_before_the_first_fails_since_auditd_does_not_start() -> None:
    finding = judge(CONTROL, conf(DEBIAN.replace("admin_space_left = 50", "admin_space_left = 75")))[-1]
    assert finding.message == "space_left (75) is not larger than admin_space_left (75): auditd does not start"
    assert finding.fix[0].edit.value == "113"  # type: ignore[union-attr]
    assert results(CONTROL, conf(DEBIAN.replace("admin_space_left = 50", "admin_space_left = 1%"))) == ["pass"] * 5


def test_a_host_without_auditd_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_values_that_auditd_does_not_start_with_are_unknown() -> None:
    for size in ("²", "9" * 5000, "many"):
        assert results(CONTROL, conf(DEBIAN.replace("max_log_file = 8", f"max_log_file = {size}")))[0] == "unknown"
    assert results(CONTROL, conf(DEBIAN.replace("SUSPEND", "banana"))) == ["pass", "pass", *["unknown"] * 3]
    assert results(CONTROL, conf(DEBIAN.replace("SUSPEND", "exec /sbin/full"))) == ["pass"] * 5
