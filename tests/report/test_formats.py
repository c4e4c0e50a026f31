"""The registry of formats, and what holds for all of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.report.made import hostile, report
from virtwarden.report import FORMATS, format_of
from virtwarden.report.jsonreport import loads


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("report.txt", "text"),
        ("a/b/report.json", "json"),
        ("REPORT.HTML", "html"),
        ("r.htm", "html"),
        ("r.sarif", "sarif"),
        ("r.sarif.json", "sarif"),
        ("junit.xml", "junit"),
        ("r.csv", "csv"),
        ("r.oscal.json", "oscal"),
    ],
)
def test_a_files_name_asks_for_a_format(file: str, name: str) -> None:
    form = format_of(file)
    assert form is not None
    assert form.name == name


@pytest.mark.parametrize("file", ["report", "report.pdf", "html", "-"])
def test_other_names_ask_for_none(file: str) -> None:
    assert format_of(file) is None


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_utf8_in_which_nothing_hides(name: str) -> None:
    text = FORMATS[name].render(hostile(), {"vnc-requires-tls": "prose\x1b"})
    text.encode()
    assert text.replace("\r\n" if name == "csv" else "\n", "").isprintable()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_the_same_each_time(name: str) -> None:
    assert FORMATS[name].render(report()) == FORMATS[name].render(report())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"])
def test_a_report_that_claims_an_odd_time_can_be_shown(name: str, at: str) -> None:
    text = FORMATS["json"].render(report()).replace("2026-03-01T12:00:05Z", at)
    assert FORMATS[name].render(loads(text))


def test_asking_for_the_formats_imports_no_renderer() -> None:
    heavy = "rich", "jinja2", "virtwarden.report.html", "virtwarden.report.text"
    script = f"import sys, virtwarden.report; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
