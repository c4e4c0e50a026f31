"""The JUnit report: legal XML of the official form, in which nothing untold counts as passed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from lxml import etree

from tests.report.conftest import Compare
from tests.report.made import big, hostile, report
from tests.report.official import complaints_of_junit
from tests.report.test_jsonreport import REPORTS
from virtwarden.model import HOST, Finding, Outcome, Report, Result, Severity
from virtwarden.report import FORMATS

render = FORMATS["junit"].render


def _parsed(made: Report) -> etree._Element:
    return etree.fromstring(render(made).encode(), etree.XMLParser(huge_tree=True))


def test_it_is_as_it_was_when_last_looked_at(golden: Compare) -> None:
    golden("report.junit.xml", render(report()))


@pytest.mark.parametrize("made", [report(), hostile(), big(20, 4)], ids=["small", "hostile", "many"])
def test_it_has_the_official_form(made: Report) -> None:
    assert complaints_of_junit(render(made)) == []


@given(REPORTS)
@settings(max_examples=60, deadline=None)
def test_any_report_is_legal_xml(made: Report) -> None:
    assert complaints_of_junit(render(made)) == []


def test_the_schema_would_complain() -> None:
    assert complaints_of_junit("<testsuites><testsuite/></testsuites>") != []


def test_every_finding_is_a_test_case_and_the_numbers_are_right() -> None:
    root = _parsed(report())
    findings = [finding for outcome in report().outcomes for finding in outcome.findings]
    assert len(root.findall(".//testcase")) == len(findings) == int(root.get("tests", ""))
    assert len(root.findall(".//failure")) == int(root.get("failures", ""))
    assert len(root.findall(".//error")) == int(root.get("errors", "")) == 2
    for suite in root.iter("testsuite"):
        assert len(suite.findall("testcase")) == int(suite.get("tests", ""))
        assert len(suite.findall(".//skipped")) == int(suite.get("skipped", ""))


@pytest.mark.parametrize(
    ("result", "element"),
    [
        (Result.PASS, None),
        (Result.FAIL, "failure"),
        (Result.UNKNOWN, "error"),
        (Result.ERROR, "error"),
        (Result.NOTAPPLICABLE, "skipped"),
    ],
)
def test_each_result_has_its_element(result: Result, element: str | None) -> None:
    outcome = Outcome("c", "t", "tcb", Severity.LOW, (), (Finding(HOST, result, "m"),))
    case = _parsed(replace(report(), outcomes=(outcome,))).find(".//testcase")
    assert case is not None
    assert [child.tag for child in case] == ([element] if element else [])


def test_a_waived_failure_is_skipped_and_one_whose_waiver_ended_is_not() -> None:
    root = _parsed(report())
    skipped = [each.get("message", "") for each in root.iter("skipped")]
    assert any("waived until 2026-06-30 by storage team" in message for message in skipped)
    failures = [each.text or "" for each in root.iter("failure")]
    assert any("ended on 2026-01-31" in text for text in failures)


def test_a_control_without_findings_is_a_skipped_case() -> None:
    outcome = Outcome("c", "t", "tcb", Severity.LOW)
    root = _parsed(replace(report(), outcomes=(outcome,)))
    assert (root.get("tests"), len(root.findall(".//skipped"))) == ("1", 1)


def test_names_within_a_suite_are_distinct() -> None:
    for suite in _parsed(report()).iter("testsuite"):
        names = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
        assert len(names) == len(set(names))
