"""A report as a table for spreadsheets, one finding a row, after RFC 4180.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and a guest's name may be one:
such cells begin with an apostrophe.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO

from virtwarden.control import CHAPTERS
from virtwarden.model import Finding, Outcome, Report, Waived
from virtwarden.report.phrases import NOTHING, change_lines, waiver_words
from virtwarden.report.visible import shown

COLUMNS = (
    "host", "scanned at", "control", "title", "chapter", "severity", "result", "waiver", "subject kind", "subject",
    "state", "message", "read from", "evidence", "read at", "fix",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001  # spreadsheets take the wide ones as well
_CELL = 32_000  # a spreadsheet's cell holds 32,767 characters


def pieces(report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report as CSV text."""
    del explanations  # a table has no room for prose
    yield _text([COLUMNS])
    for outcome in report.outcomes:
        yield _text(_rows(report, outcome))


def cell(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula."""
    safe = shown(text, _CELL)
    return f"'{safe}" if safe.lstrip().startswith(_FORMULA) else safe


def _text(rows: Iterable[Sequence[str]]) -> str:
    out = StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _rows(report: Report, outcome: Outcome) -> Iterator[list[str]]:
    chapter = CHAPTERS.get(outcome.chapter, outcome.chapter)
    about = (report.host, report.taken_at.isoformat(), outcome.control, outcome.title, chapter, outcome.severity)
    same = [cell(text) for text in about]
    for finding in outcome.findings or (NOTHING,):
        waived = report.waived(outcome.control, finding) if report.waivers else None
        yield same + [cell(text) if text else "" for text in _told(finding, waived)]


def _told(finding: Finding, waived: Waived | None) -> tuple[str, ...]:
    evidence = finding.evidence
    return (
        finding.result,
        waiver_words(waived) if waived else "",
        finding.subject.kind,
        finding.subject.name,
        finding.state or "",
        finding.message,
        "; ".join([each.where for each in evidence]),
        "; ".join([each.text for each in evidence]),
        "; ".join([each.at.isoformat() for each in evidence if each.at]),
        "; ".join([" / ".join(change_lines(change)) for change in finding.fix]),
    )
