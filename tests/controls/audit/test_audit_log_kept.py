"""The audit log is large enough, and a full disk does not end it in silence."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_log_kept import CONTROL
from virtwarden.facts.policy import Audit, Policy
from virtwarden.host import Host

DEBIAN = """log_file = /var/log/audit/audit.log
max_log_file = 8
num_logs = 5
max_log_file_action = ROTATE
space_left_action = SYSLOG
disk_full_action = SUSPEND
disk_error_action = SUSPEND
"""


def conf(text: str, policy: Policy | None = None) -> Host:
    return made(policy or Policy(), files={"/etc/audit/auditd.conf": text})


def test_debians_own_settings_meet_the_default() -> None:
    assert results(CONTROL, conf(DEBIAN)) == ["pass"] * 4


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
    assert [finding.result for finding in findings] == ["pass", "pass", "fail", "fail"]
    assert findings[2].message == "disk_full_action is ignore"


def test_settings_that_are_missing_are_the_daemons_defaults() -> None:
    assert results(CONTROL, conf("log_file = /x\n")) == ["pass"] * 4


def test_a_host_without_auditd_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_values_that_auditd_does_not_start_with_are_unknown() -> None:
    for size in ("²", "9" * 5000, "many"):
        assert results(CONTROL, conf(f"max_log_file = {size}\n")) == ["unknown", "pass", "pass", "pass"]
    assert results(CONTROL, conf("disk_full_action = banana\n")) == ["pass", "pass", "unknown", "pass"]
    assert results(CONTROL, conf("disk_full_action = exec /sbin/full\n")) == ["pass"] * 4
