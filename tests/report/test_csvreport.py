"""The table: one finding a row, and no cell that a spreadsheet would compute."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given, settings

from tests.report.conftest import Compare
from tests.report.made import HOSTILE, hostile, report
from tests.report.test_jsonreport import REPORTS
from tests.report.test_visible import ANY_TEXT
from virtwarden.model import Outcome, Report, Severity
from virtwarden.report import FORMATS
from virtwarden.report.csvreport import COLUMNS, cell

render = FORMATS["csv"].render


def rows(made: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(render(made), newline=""), strict=True))


def test_it_is_as_it_was_when_last_looked_at(golden: Compare) -> None:
    golden("report.csv", render(report()))


def test_every_finding_is_a_row() -> None:
    findings = [(outcome.control, finding) for outcome in report().outcomes for finding in outcome.findings]
    found = rows(report())
    assert [(row["control"], row["message"]) for row in found] == [(id_, f.message) for id_, f in findings]
    first = found[0]
    assert (first["host"], first["severity"], first["result"]) == ("kvm7.example.net", "high", "fail")
    assert first["read from"] == "ss -tulnp (exit 0)"
    assert first["fix"] == "unit rpcbind.socket: make it disabled (disruptive)"


def test_a_control_without_findings_has_a_row() -> None:
    (row,) = rows(replace(report(), outcomes=(Outcome("c", "t", "tcb", Severity.LOW),)))
    assert (row["control"], row["result"]) == ("c", "notapplicable")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "\uff0b1", "  =1", "=cmd|' /C calc'!A0"]
)
def test_a_formula_becomes_a_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "seen"), [("\t=1+1", r"\t=1+1"), ("\r=1+1", r"\r=1+1"), ("web", "web"), ("", "")]
)
def test_control_characters_are_spelled_out(text: str, seen: str) -> None:
    assert cell(text) == seen


@given(ANY_TEXT)
def test_no_cell_begins_a_formula(text: str) -> None:
    safe = cell(text)
    assert safe.isprintable()
    assert safe.lstrip()[:1] not in ("=", "+", "-", "@")


@given(REPORTS)
@settings(max_examples=60, deadline=None)
def test_any_report_has_its_columns_in_every_row(made: Report) -> None:
    for row in csv.reader(StringIO(render(made), newline=""), strict=True):
        assert len(row) == len(COLUMNS)


def test_lines_end_as_the_standard_says_and_cells_fit_a_spreadsheet() -> None:
    text = render(hostile())
    assert text.count("\n") == text.count("\r\n") == 1 + 3 * 5 * len(HOSTILE)
    assert all(len(value) < 32767 for row in rows(hostile()) for value in row.values())
