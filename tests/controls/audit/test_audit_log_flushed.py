"""What auditd has written reaches the disk, and what it passes on is not dropped in silence."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_log_flushed import CONTROL
from virtwarden.edits import SetLine
from virtwarden.host import Host


def conf(text: str) -> Host:
    return made(files={"/etc/audit/auditd.conf": text})


@pytest.mark.parametrize(
    "text",
    [
        "flush = INCREMENTAL_ASYNC\nfreq = 50\n",
        "flush = incremental\nfreq = 20\n",
        "flush = SYNC\n",
        "flush = data\n",
    ],
)
def test_settings_that_reach_the_disk_pass(text: str) -> None:
    assert results(CONTROL, conf(text)) == ["pass"]


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("", "nothing makes records reach the disk (flush is none)",
         [SetLine("flush", "incremental_async"), SetLine("freq", "50")]),
        ("flush = none\nfreq = 20\n", "nothing makes records reach the disk (flush is none)",
         [SetLine("flush", "incremental_async"), SetLine("freq", "50")]),
        ("flush = incremental\nfreq = 5000\n", "records are written together only every 5000", [SetLine("freq", "50")]),
        ("flush = incremental_async\n", "records are written together only every 0", [SetLine("freq", "50")]),
        ("flush = incremental\nfreq = many\n", "records are written together only every ?", [SetLine("freq", "50")]),
    ],
)  # fmt: skip
def test_settings_that_do_not_fail_with_the_fix(text: str, message: str, fix: list[SetLine]) -> None:
    (finding,) = judge(CONTROL, conf(text))
    assert (finding.result, finding.message) == ("fail", message)
    assert [change.edit for change in finding.fix] == fix


def test_a_silent_overflow_and_a_short_queue_fail() -> None:
    findings = judge(CONTROL, conf("flush = sync\noverflow_action = IGNORE\nq_depth = 80\n"))
    assert [(str(f.result), f.message) for f in findings[1:]] == [
        ("fail", "records that cannot be passed on are dropped in silence (overflow_action is ignore)"),
        ("fail", "the queue of records that are passed on holds 80"),
    ]


def test_values_that_auditd_does_not_start_with_are_unknown() -> None:
    assert results(CONTROL, conf("flush = sometimes\nq_depth = deep\n")) == ["unknown", "unknown"]


def test_a_host_without_auditd_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]
