"""Plans as text and as JSON: whole, harmless, and without a secret."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.test_fixes import DEMO, demanding
from tests.report.test_exports import SECRET, plan_of, planted
from virtwarden.controls import every_control
from virtwarden.edits import AddLine, Do, Edit, Replace, SetConf, SetMode, SetState
from virtwarden.host import Host
from virtwarden.model import (
    Activation,
    Disturbance,
    Document,
    Expectation,
    Plan,
    Rewrite,
    Safety,
    State,
    Subject,
    Unfixed,
)
from virtwarden.plan import make
from virtwarden.report import planjson, plantext
from virtwarden.report.layout import Charset, Palette, Style
from virtwarden.report.planjson import BadPlan
from virtwarden.scan import scan
from virtwarden.sources.recording import Snapshot
from virtwarden.sources.redact import Redacted

GOLDEN = Path(__file__).parent / "golden"
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.builds(SetConf, WORDS, st.one_of(st.integers(0, 2**62), WORDS, st.lists(WORDS, max_size=2).map(tuple))),
    st.builds(SetMode, st.none() | st.integers(0, 0o7777), st.none() | WORDS),
    st.builds(Replace, st.none() | WORDS),
    st.builds(AddLine, WORDS),
    st.builds(SetState, WORDS),
    st.builds(Do, WORDS),
)
DOCUMENTS = st.builds(Document, WORDS, WORDS)
STATES = st.none() | st.sampled_from(State)
SUBJECTS = st.builds(Subject, WORDS, WORDS)
PLANS = st.builds(
    Plan,
    host=WORDS,
    root=WORDS,
    made_at=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    version=WORDS,
    profile=WORDS,
    rewrites=st.lists(
        st.builds(
            Rewrite,
            DOCUMENTS,
            st.lists(EDITS, max_size=2).map(tuple),
            st.lists(WORDS, max_size=2).map(tuple),
            st.sampled_from(Safety),
            WORDS,
            WORDS,
            WORDS,
            st.lists(st.builds(Activation, WORDS, WORDS, WORDS), max_size=2).map(tuple),
            st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    unfixed=st.lists(st.builds(Unfixed, WORDS, SUBJECTS, WORDS, st.just(()), STATES), max_size=2).map(tuple),
    blast=st.lists(st.builds(Disturbance, WORDS, WORDS), max_size=2).map(tuple),
    expected=st.lists(st.builds(Expectation, WORDS, SUBJECTS, STATES, WORDS), max_size=2).map(tuple),
)


@given(plan=PLANS)
def test_what_was_written_is_read_again(plan: Plan) -> None:
    assert planjson.loads(planjson.dumps(plan)) == plan


@given(plan=PLANS)
def test_nothing_in_a_plan_can_move_a_cursor(plan: Plan) -> None:
    told = plantext.render(plan, Style(width=80))
    assert all(char.isprintable() or char == "\n" for char in told)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"host": 1}', "\udcff", "[" * 100000])
def test_what_is_no_plan_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(BadPlan) as told:
        planjson.loads(text.encode("utf-8", "surrogateescape"), "x.json")
    assert str(told.value).startswith("x.json is not a plan")
    assert "\n" not in str(told.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadPlan, match="no such file"):
        planjson.load(tmp_path / "none.json")


def test_a_plan_holds_no_secret(tmp_path: Path) -> None:
    world = planted(tmp_path)
    plan = plan_of(world)
    assert SECRET not in planjson.dumps(plan)
    assert SECRET not in plantext.render(plan)


def of_the_demo() -> Plan:
    source = Snapshot(str(DEMO))
    host = Host(Redacted(source), demanding())
    return make(host, source, scan(host, every_control()))


@pytest.mark.parametrize("width", [60, 100])
def test_the_demos_plan_reads_as_when_it_was_last_looked_at(width: int) -> None:
    told = plantext.render(of_the_demo(), Style(width=width))
    assert max(map(len, told.splitlines())) <= width
    golden = GOLDEN / f"plan-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told, "utf-8")
    assert golden.exists(), f"{golden.name} is missing: look at the plan, and write it with UPDATE_GOLDEN=1"
    assert told == golden.read_text("utf-8")


def test_colour_and_signs_are_for_those_who_can_show_them() -> None:
    plan = of_the_demo()
    assert "\x1b[" in plantext.render(plan, Style(palette=Palette.COLOUR))
    assert plantext.render(plan, Style(charset=Charset.ASCII)).isascii()


def test_the_command_that_makes_it_so_says_all_that_it_takes() -> None:
    plan = of_the_demo()
    told = plantext.how_to_apply(plan, Style(width=200), "plan.json")
    assert told.startswith("To make it so: virt-warden apply plan.json --allow-disruptive --confirm 120\n")
    assert "virt-warden confirm" in told
    assert plantext.how_to_apply(Plan("h", "/", datetime.now(UTC), "0", "x"), Style()) == ""
