"""The JSON report: exact, described by a published schema, and strict about what it reads."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.conftest import Compare, against
from tests.report.made import LONG, big, hostile, report
from tests.report.official import complaints_of_report
from tests.report.test_visible import ANY_TEXT
from virtwarden import edits, model
from virtwarden.report.jsonreport import BadReport, load, loads, pieces, schema

SCHEMA = Path(__file__).parents[2] / "docs/reference/report.schema.json"


def written(made: model.Report) -> str:
    return "".join(pieces(made))


TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
EDITS = st.one_of(
    *(
        st.from_type(edit)
        for edit in (
            edits.SetConf, edits.SetLine, edits.RemoveLine, edits.SetAttribute,
            edits.RemoveAttribute, edits.InsertElement, edits.RemoveElement, edits.SetMode, edits.Replace,
            edits.SetState, edits.AddLine, edits.Do,
        )
    )
)  # fmt: skip
EVIDENCE = st.builds(
    model.Evidence, ANY_TEXT, st.none() | ANY_TEXT, st.none() | st.integers(1, 10**6),
    st.lists(ANY_TEXT, max_size=2).map(tuple), st.none() | st.integers(0, 255), st.none() | TIMES,
)  # fmt: skip
FINDINGS = st.builds(
    model.Finding, st.builds(model.Subject, ANY_TEXT, ANY_TEXT), st.sampled_from(model.Result), ANY_TEXT,
    st.lists(st.builds(model.Change, st.builds(model.Document, ANY_TEXT, ANY_TEXT), EDITS), max_size=2).map(tuple),
    st.lists(EVIDENCE, max_size=2).map(tuple), st.none() | st.sampled_from(model.State),
)  # fmt: skip
OUTCOMES = st.builds(
    model.Outcome, ANY_TEXT, ANY_TEXT, ANY_TEXT, st.sampled_from(model.Severity),
    st.lists(ANY_TEXT, max_size=2).map(tuple), st.lists(FINDINGS, max_size=3).map(tuple),
)  # fmt: skip
DATES = st.dates(date(1990, 1, 1), date(2900, 1, 1))
WAIVERS = st.builds(model.Waiver, ANY_TEXT, ANY_TEXT, ANY_TEXT, DATES, ANY_TEXT)
REPORTS = st.builds(
    model.Report,
    ANY_TEXT,
    ANY_TEXT,
    TIMES,
    st.just("0.1.0"),
    ANY_TEXT,
    st.lists(OUTCOMES, max_size=2, unique_by=lambda outcome: outcome.control).map(tuple),
    st.lists(WAIVERS, max_size=2).map(tuple),
    st.just(1),
)


@given(REPORTS)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back_the_same(made: model.Report) -> None:
    text = written(made)
    text.encode()
    again = loads(text)
    assert written(again) == text
    try:
        repr(made).encode()
    except UnicodeEncodeError:
        return  # undecodable bytes were spelled out
    if "\\ud" not in repr(made):
        assert again == made


@pytest.mark.parametrize("made", [report(), big(10, 5)], ids=["small", "many guests"])
def test_a_report_comes_back_exactly(made: model.Report) -> None:
    assert loads(written(made)) == made
    assert loads(written(made).encode()) == made


def test_it_is_as_it_was_when_last_looked_at(golden: Compare) -> None:
    golden("report.json", written(report()))


def test_what_it_works_out_is_right() -> None:
    document = json.loads(written(report()))
    results = document["summary"]["results"]
    assert results == {"fail": 6, "error": 1, "unknown": 1, "pass": 1, "notapplicable": 3}
    assert document["summary"]["failing"] == {"high": 3, "medium": 2, "low": 1, "info": 0}
    images = next(each for each in document["outcomes"] if each["control"] == "images-private")
    assert (images["result"], images["waived"]) == ("fail", 1)
    assert document["taken_at"] == "2026-03-01T12:00:05Z"


def test_every_finding_stands_on_a_line_of_its_own() -> None:
    lines = written(report()).splitlines()
    findings = sum(len(outcome.findings) for outcome in report().outcomes)
    assert sum(line.startswith('{"subject":') for line in lines) == findings


def test_the_published_schema_is_the_one_that_the_types_make(updating: bool) -> None:
    against(SCHEMA, schema(), updating)


@pytest.mark.parametrize("made", [report(), hostile(), big(5, 5)], ids=["small", "hostile", "many"])
def test_reports_fit_the_published_schema(made: model.Report) -> None:
    assert complaints_of_report(written(made), SCHEMA.read_text()) == []


def test_the_schema_refuses_what_is_no_report() -> None:
    document = json.loads(written(report()))
    document["outcomes"][0]["findings"][0]["result"] = "fine"
    assert complaints_of_report(json.dumps(document), SCHEMA.read_text()) != []


def test_hostile_texts_come_back_and_show_as_what_they_are() -> None:
    text = written(hostile())
    again = loads(text)
    names = {finding.subject.name for outcome in again.outcomes for finding in outcome.findings}
    assert {
        "\x1b[31mred\x1b]0;title\x07",
        "a\u202eb\u2066c",
        LONG,
        "byte \\xff, half \\ud800, not \ufffe",
    } < names
    assert {unicodedata.category(char) for char in text} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} == {"Cc"}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def test_waivers_survive() -> None:
    waivers = loads(written(report())).waivers
    assert waivers[1].ends == date(2026, 1, 31)
    assert waivers == report().waivers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "truncated"),
        (b"not json", "malformed"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field"),
        (b'{"format":2}', "its format is 2, and this version reads format 1"),
        (b'{"format":1,"verdict":"fine"}', "unknown field `verdict`"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 200_000, "Expected `object`"),
        (b'{"format":1,"host":' + b"[" * 200_000, "Expected `str`"),
        ("\udc80", "surrogates"),
    ],
)
def test_what_is_no_report_is_refused_in_one_sentence(text: bytes | str, said: str) -> None:
    with pytest.raises(BadReport, match=re.escape(said)) as refused:
        loads(text, "old.json")
    assert str(refused.value).startswith("old.json is not a report: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"taken_at": "2026-03-01T12:00:05"},
        {"taken_at": "yesterday"},
        {"outcomes": None},
        {"waivers": [{"control": "c", "reason": "r", "owner": "o", "ends": "2026-02-30", "subject": ""}]},
        {"format": "1"},
    ],
)
def test_a_report_with_one_wrong_value_is_refused(change: dict[str, object]) -> None:
    document = json.loads(written(report())) | change
    with pytest.raises(BadReport):
        loads(json.dumps(document))


def test_a_control_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(BadReport, match="control labels-dynamic stands there twice"):
        loads(written(report()).replace('"vnc-requires-tls"', '"labels-dynamic"'))


def test_an_edit_of_no_known_kind_is_refused() -> None:
    with pytest.raises(BadReport, match="SetFire"):
        loads(written(report()).replace('"SetState"', '"SetFire"'))


@given(st.binary(max_size=200) | st.integers(0, 3000).map(lambda cut: written(report())[:cut].encode()))
def test_junk_and_cut_reports_are_refused_and_never_break(text: bytes) -> None:
    with pytest.raises(BadReport):
        loads(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    with pytest.raises(BadReport, match=f"{missing} cannot be read: No such file"):
        load(missing)
    with pytest.raises(BadReport, match="cannot be read: Is a directory"):
        load(tmp_path)
    with pytest.raises(BadReport, match="cannot be read"):
        load("nul\0byte")


def test_a_report_can_come_through_a_pipe() -> None:
    reading, writing = os.pipe()
    os.write(writing, written(report()).encode())
    os.close(writing)
    try:
        assert load(f"/dev/fd/{reading}") == report()
    finally:
        os.close(reading)
