"""What is new, gone and unchanged between two reports, and what cannot be told any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from tests.report.conftest import Compare
from tests.report.made import hostile, report
from tests.report.test_jsonreport import REPORTS
from virtwarden.model import HOST, Finding, Outcome, Report, Result, Severity, State, Subject, Waiver
from virtwarden.report.compare import Comparison, Entry, compare, render
from virtwarden.report.jsonreport import loads, pieces
from virtwarden.report.layout import Detail, Style

WEB = Subject("guest", "web")
DB = Subject("guest", "db")


def _report(*findings: Finding, control: str = "c", waivers: tuple[Waiver, ...] = ()) -> Report:
    outcome = Outcome(control, "t", "tcb", Severity.HIGH, (), findings)
    return replace(report(), outcomes=(outcome,), waivers=waivers)


def _fail(subject: Subject = WEB, message: str = "m", state: State | None = None) -> Finding:
    return Finding(subject, Result.FAIL, message, state=state)


def _numbers(comparison: Comparison) -> tuple[int, int, int, int]:
    return len(comparison.new), len(comparison.gone), len(comparison.unchanged), len(comparison.untold)


@given(REPORTS)
@settings(max_examples=80, deadline=None)
def test_a_report_differs_in_nothing_from_itself_nor_from_what_is_read_back(made: Report) -> None:
    for other in (made, loads("".join(pieces(made)))):
        assert _numbers(compare(made, other))[:2] == (0, 0)
        assert _numbers(compare(other, made))[0] == 0


@given(REPORTS, REPORTS)
@settings(max_examples=80, deadline=None)
def test_every_trouble_of_both_reports_is_in_exactly_one_place(before: Report, after: Report) -> None:
    def troubles(made: Report) -> int:
        return sum(
            finding.result in (Result.FAIL, Result.ERROR, Result.UNKNOWN)
            and not made.excused(outcome.control, finding)
            for outcome in made.outcomes
            for finding in outcome.findings
        )

    new, gone, unchanged, untold = _numbers(compare(before, after))
    assert new + unchanged == troubles(after)
    assert gone + untold + unchanged == troubles(before)


def test_hostile_reports_can_be_compared() -> None:
    assert _numbers(compare(hostile(), hostile()))[:2] == (0, 0)
    text = render(compare(_report(), hostile()), Style(detail=Detail.FULL))
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("before", "after", "numbers"),
    [
        ((), (_fail(),), (1, 0, 0, 0)),
        ((_fail(),), (), (0, 1, 0, 0)),
        ((_fail(),), (_fail(),), (0, 0, 1, 0)),
        ((_fail(),), (_fail(DB),), (1, 1, 0, 0)),
        ((_fail(),), (_fail(), _fail(DB)), (1, 0, 1, 0)),
        ((_fail(),), (_fail(state=State.IN_FORCE),), (1, 1, 0, 0)),
        ((_fail(message="port 5900 is open"),), (_fail(message="port 5901 is open"),), (0, 0, 1, 0)),
        ((_fail(message="port 5900 is open"),), (_fail(message="it is written to"),), (1, 1, 0, 0)),
        ((_fail(),), (_fail(), _fail()), (1, 0, 1, 0)),
        ((_fail(), _fail()), (_fail(),), (0, 1, 1, 0)),
        ((_fail(),), (Finding(WEB, Result.PASS, "m"),), (0, 1, 0, 0)),
        ((_fail(),), (Finding(HOST, Result.NOTAPPLICABLE, "m"),), (0, 1, 0, 0)),
        ((_fail(),), (Finding(WEB, Result.UNKNOWN, "refused"),), (1, 0, 0, 1)),
        ((_fail(),), (Finding(HOST, Result.UNKNOWN, "refused"),), (1, 0, 0, 1)),
        ((_fail(),), (Finding(DB, Result.UNKNOWN, "refused"),), (1, 1, 0, 0)),
        ((_fail(),), (Finding(HOST, Result.ERROR, "a defect"),), (1, 0, 0, 1)),
        ((Finding(WEB, Result.UNKNOWN, "m"),), (_fail(),), (1, 1, 0, 0)),
        ((Finding(WEB, Result.PASS, "m"),), (Finding(WEB, Result.PASS, "m"),), (0, 0, 0, 0)),
    ],
)
def test_each_change_has_its_name(
    before: tuple[Finding, ...], after: tuple[Finding, ...], numbers: tuple[int, int, int, int]
) -> None:
    assert _numbers(compare(_report(*before), _report(*after))) == numbers


def test_a_failure_whose_control_was_not_run_again_is_not_gone() -> None:
    assert _numbers(compare(_report(_fail()), _report(control="d"))) == (0, 0, 0, 1)


def test_a_failure_is_new_when_its_waiver_has_ended_and_gone_when_it_is_waived() -> None:
    waiver = Waiver("c", "r", "o", date(2026, 3, 1))
    before = _report(_fail(), waivers=(waiver,))
    after = replace(before, taken_at=before.taken_at + timedelta(days=1))
    assert _numbers(compare(before, after)) == (1, 0, 0, 0)
    assert _numbers(compare(_report(_fail()), before)) == (0, 1, 0, 0)


def test_entries_name_their_control_and_severity() -> None:
    assert compare(_report(), _report(_fail())).new == (Entry("c", Severity.HIGH, _fail()),)


def _changed() -> Comparison:
    later = report().taken_at + timedelta(days=30)
    listeners, kernel, *rest = report().outcomes
    kernel = replace(kernel, findings=(Finding(HOST, Result.FAIL, "the kernel is not locked down"),))
    listeners = replace(listeners, findings=(Finding(HOST, Result.UNKNOWN, "ss: permission denied"),))
    *others, last = rest
    return compare(
        report(),
        replace(report(), taken_at=later, outcomes=(listeners, kernel, *others, replace(last, findings=()))),
    )


@pytest.mark.parametrize("detail", [Detail.NORMAL, Detail.FULL])
def test_it_reads_as_it_did_when_it_was_last_looked_at(detail: Detail, golden: Compare) -> None:
    golden(f"compare-{detail.name.lower()}.txt", render(_changed(), Style(detail=detail)))


def test_two_hosts_are_not_taken_for_one() -> None:
    text = render(compare(report(), replace(report(), host="kvm8")))
    assert "these are two hosts" in text
