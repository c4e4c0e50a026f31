"""The kernel records, and loses no record."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_records_not_lost import CONTROL
from virtwarden.edits import SetLine
from virtwarden.host import Host

ASK = ("auditctl", "-s")


def status(enabled: int = 1, limit: int = 8192, lost: int = 0) -> Host:
    text = f"enabled {enabled}\nfailure 1\npid 7\nrate_limit 0\nbacklog_limit {limit}\nlost {lost}\nbacklog 0\n"
    return made(commands={ASK: text})


def test_a_kernel_that_records_everything_passes() -> None:
    assert results(CONTROL, status()) == ["pass", "pass", "pass"]
    assert results(CONTROL, status(enabled=2)) == ["pass", "pass", "pass"]


def test_auditing_switched_off_a_short_backlog_and_losses_fail() -> None:
    findings = judge(CONTROL, status(0, 64, 12))
    assert [finding.message for finding in findings] == [
        "auditing is switched off",
        "the backlog holds 64 records, less than 8192",
        "12 records were lost since the counter was last set back",
    ]
    assert {finding.result for finding in findings} == {"fail"}
    assert findings[2].evidence[0].text == "lost 12"


def test_quiet_losses_and_a_limit_of_records_fail() -> None:
    text = "enabled 1\nfailure 0\npid 7\nrate_limit 100\nbacklog_limit 8192\nlost 0\n"
    findings = judge(CONTROL, made(commands={ASK: text}))
    assert [(f.message, f.fix[0].edit) for f in findings if f.result == "fail"] == [
        ("the kernel keeps quiet about records that are lost (failure 0)", SetLine("-f", "1", " ")),
        ("the kernel throws away all but 100 records a second", SetLine("-r", "0", " ")),
    ]
    old = "AUDIT_STATUS: enabled=1 flag=0 pid=1 rate_limit=0 backlog_limit=8192 lost=0 backlog=0\n"
    assert results(CONTROL, made(commands={ASK: old})) == ["pass", "pass", "fail", "pass"]


def test_red_hat_six_prints_it_in_one_line() -> None:
    text = "AUDIT_STATUS: enabled=1 flag=1 pid=1234 rate_limit=0 backlog_limit=320 lost=3 backlog=0\n"
    assert results(CONTROL, made(commands={ASK: text})) == ["pass", "fail", "fail"]


def test_a_user_who_may_not_ask_gets_unknown() -> None:
    refused = made(commands={ASK: (4, "You must be root to run this program.\n")})
    assert results(CONTROL, refused) == ["unknown"]


def test_what_is_not_told_is_unknown() -> None:
    assert results(CONTROL, made(commands={ASK: "enabled 1\n"})) == ["pass", "unknown"]
    assert results(CONTROL, made(commands={ASK: "nonsense\n"})) == ["unknown"]


def test_a_host_without_audit_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]
