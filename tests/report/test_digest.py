"""A report in order: worst first, the same said once, waivers taken into account."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.report.made import big, report
from virtwarden.model import Finding, Outcome, Report, Result, Severity, Subject, Waiver
from virtwarden.report.digest import digest


def _outcome(name: str, *results: Result, severity: Severity = Severity.LOW, chapter: str = "tcb") -> Outcome:
    findings = tuple(Finding(Subject("guest", f"g{n}"), result, "m") for n, result in enumerate(results))
    return Outcome(name, name, chapter, severity, (), findings)


def _report(*outcomes: Outcome, waivers: tuple[Waiver, ...] = ()) -> Report:
    return replace(report(), outcomes=outcomes, waivers=waivers)


def test_controls_stand_worst_first_then_by_severity_then_by_id() -> None:
    whole = digest(
        _report(
            _outcome("na", Result.NOTAPPLICABLE, severity=Severity.HIGH),
            _outcome("passes", Result.PASS, severity=Severity.HIGH),
            _outcome("b-low", Result.FAIL),
            _outcome("a-low", Result.FAIL),
            _outcome("high", Result.FAIL, Result.PASS, severity=Severity.HIGH),
            _outcome("untold", Result.UNKNOWN, severity=Severity.HIGH),
            _outcome("broken", Result.ERROR),
        )
    )
    assert [control.id for control in whole.controls] == [
        "high",
        "a-low",
        "b-low",
        "broken",
        "untold",
        "passes",
        "na",
    ]


def test_chapters_stand_worst_first_and_an_unknown_one_keeps_its_controls() -> None:
    whole = digest(
        _report(
            _outcome("a", Result.PASS),
            _outcome("b", Result.FAIL, chapter="weather"),
            _outcome("c", Result.PASS, chapter="audit"),
            _outcome("d", Result.PASS, chapter="weather"),
            _outcome("e", Result.PASS, chapter="harvest"),
        )
    )
    assert [chapter.title for chapter in whole.chapters] == [
        "weather",
        "Trusted computing base",
        "Auditing",
        "harvest",
    ]
    assert [control.id for control in whole.chapters[0].controls] == ["b", "d"]


def test_every_finding_is_in_one_group() -> None:
    for made in (report(), big(40, 8)):
        for control in digest(made).controls:
            grouped = [finding for group in control.groups for finding in group.findings]
            assert sorted(map(id, grouped)) == sorted(map(id, control.outcome.findings))


def test_findings_that_say_the_same_of_many_guests_are_one_group() -> None:
    controls = {control.id: control for control in digest(report()).controls}
    assert [len(group.findings) for group in controls["vnc-requires-tls"].groups] == [5, 1]
    assert [len(group.findings) for group in controls["interface-filtered"].groups] == [6]


def test_the_counts_are_those_of_the_report() -> None:
    for made in (report(), big(30, 8)):
        assert digest(made).counts == made.counts()


def test_a_control_whose_every_failure_is_waived_passes() -> None:
    waiver = Waiver("c", "r", "o", date(2026, 12, 31))
    failing = _outcome("c", Result.FAIL, Result.FAIL)
    assert digest(_report(failing, waivers=(waiver,))).counts[Result.PASS] == 1
    ended = replace(waiver, ends=date(2026, 2, 28))
    assert digest(_report(failing, waivers=(ended,))).counts[Result.FAIL] == 1


def test_an_empty_report_has_an_empty_digest() -> None:
    whole = digest(_report())
    assert (whole.controls, whole.worst, whole.counts.total()) == ((), None, 0)
