"""The OSCAL report: of the official form, whole in its references, the same for the same report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from tests.report.conftest import Compare
from tests.report.made import big, hostile, report
from tests.report.official import complaints_of_oscal
from tests.report.test_jsonreport import REPORTS
from virtwarden.model import HOST, Finding, Outcome, Report, Result, Severity, Subject
from virtwarden.report import FORMATS

render = FORMATS["oscal"].render


EMPTY = replace(report(), outcomes=())


def _only(outcome: Outcome) -> Report:
    return replace(report(), outcomes=(outcome,))


def test_it_is_as_it_was_when_last_looked_at(golden: Compare) -> None:
    golden("report.oscal.json", render(report()))


@pytest.mark.parametrize(
    "made",
    [report(), hostile(), big(20, 4), EMPTY],
    ids=["small", "hostile", "many", "empty"],
)
def test_it_has_the_official_form(made: Report) -> None:
    assert complaints_of_oscal(render(made)) == []


@given(REPORTS)
@settings(max_examples=60, deadline=None)
def test_any_report_has_the_official_form(made: Report) -> None:
    assert complaints_of_oscal(render(made)) == []


def test_the_schema_would_complain() -> None:
    broken = render(report()).replace('"methods":["EXAMINE"]', '"methods":[]')
    assert complaints_of_oscal(broken) != []


@pytest.mark.parametrize("made", [report(), hostile(), big(20, 4)], ids=["small", "hostile", "many"])
def test_every_reference_leads_somewhere_and_no_uuid_is_used_twice(made: Report) -> None:
    text = render(made)
    defined = re.findall(r'"uuid":"([0-9a-f-]+)"', text)
    named = re.findall(r'-uuid":"([0-9a-f-]+)"', text) + re.findall(r'"href":"#([0-9a-f-]+)"', text)
    assert len(defined) == len(set(defined))
    assert set(named) <= set(defined)


def test_the_same_report_gives_the_same_text_and_another_one_other_uuids() -> None:
    assert render(report()) == render(report())
    later = replace(report(), taken_at=report().taken_at + timedelta(days=1))
    uuids = re.compile(r'"uuid":"([0-9a-f-]+)"')
    assert not set(uuids.findall(render(report()))) & set(uuids.findall(render(later)))


@pytest.mark.parametrize(
    ("result", "state", "reason"),
    [
        (Result.PASS, "satisfied", "pass"),
        (Result.FAIL, "not-satisfied", "fail"),
        (Result.UNKNOWN, "not-satisfied", "other"),
        (Result.ERROR, "not-satisfied", "other"),
        (Result.NOTAPPLICABLE, "satisfied", "other"),
    ],
)
def test_each_result_has_its_status(result: Result, state: str, reason: str) -> None:
    outcome = Outcome("c", "t", "tcb", Severity.LOW, (), (Finding(HOST, result, "m"),))
    (finding,) = json.loads(render(_only(outcome)))["assessment-results"]["results"][0]["findings"]
    status = finding["target"]["status"]
    assert (status["state"], status["reason"]) == (state, reason)
    assert ("implementation-status" in finding["target"]) is (result is Result.NOTAPPLICABLE)


def test_failures_are_risks_and_accepted_ones_have_a_deadline() -> None:
    result = json.loads(render(report()))["assessment-results"]["results"][0]
    risks = {(risk["title"], risk["status"]): risk for risk in result["risks"]}
    images = "Disk images can be read by nobody but QEMU"
    assert risks[images, "deviation-approved"]["deadline"] == "2026-06-30T23:59:59Z"
    assert "deadline" not in risks[images, "open"]
    assert ("Audit rules cannot be changed until the next boot", "open") in risks
    assert "The kernel is locked down" not in {title for title, _ in risks}


def test_failures_are_observed_one_by_one_and_what_passes_together() -> None:
    outcome = Outcome(
        "c", "t", "tcb", Severity.LOW, (),
        tuple(Finding(Subject("guest", f"g{n}"), Result.FAIL if n < 3 else Result.PASS, "m") for n in range(9)),
    )  # fmt: skip
    observations = json.loads(render(_only(outcome)))["assessment-results"]["results"][0]["observations"]
    assert [len(each["subjects"]) for each in observations] == [1, 1, 1, 6]


def test_prose_becomes_the_description_of_a_finding() -> None:
    text = render(report(), {"vnc-requires-tls": "In the <b>clear</b>.\n\nFix: TLS."})
    findings = json.loads(text)["assessment-results"]["results"][0]["findings"]
    described = {each["target"]["target-id"]: each["description"] for each in findings}
    assert described["vnc-requires-tls"] == r"In the \<b\>clear\</b\>." + "\n\nFix: TLS."


def test_nothing_in_it_is_markdown_of_the_hosts_making() -> None:
    finding = Finding(
        Subject("guest", "<img src=x>"), Result.FAIL, "[click](javascript:x) `code` *bold* vnc_tls _it_"
    )
    outcome = Outcome("c", "t", "tcb", Severity.LOW, (), (finding,))
    (observation,) = json.loads(render(_only(outcome)))["assessment-results"]["results"][0]["observations"]
    assert observation["description"] == (
        r"guest \<img src=x\>: \[click\](javascript:x) \`code\` \*bold\* vnc_tls \_it\_"
    )
