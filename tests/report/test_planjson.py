"""A plan as JSON: exact, strict about what it reads, and without a secret."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.test_exports import SECRET, plan_of, planted, text
from tests.report.test_jsonreport import EDITS, TIMES
from virtwarden import model
from virtwarden.cli.output import deliver
from virtwarden.facts.policy import policy_from
from virtwarden.report.layout import Palette, Style
from virtwarden.report.planjson import BadPlan, dumps, load, loads
from virtwarden.report.plantext import render

NAMES = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\udcff\udc80\x00\x1b\u202e\U0001f600"), max_size=20
)
SUBJECTS = st.builds(model.Subject, NAMES, NAMES)
STATES = st.none() | st.sampled_from(model.State)


def few(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(each, max_size=2).map(tuple)


ACTIVATIONS = st.builds(model.Activation, NAMES, NAMES, NAMES)
REWRITES = st.builds(
    model.Rewrite, st.builds(model.Document, NAMES, NAMES), few(EDITS), few(NAMES), st.sampled_from(model.Safety),
    NAMES, NAMES, NAMES, few(ACTIVATIONS), st.booleans(),
)  # fmt: skip
POLICIES = st.dictionaries(NAMES, few(NAMES) | st.booleans() | st.integers(0, 9) | st.none(), max_size=3)
PLANS = st.builds(
    model.Plan, NAMES, NAMES, TIMES, NAMES, NAMES, POLICIES, few(REWRITES),
    few(st.builds(model.Unfixed, NAMES, SUBJECTS, NAMES, few(NAMES), STATES)),
    few(st.builds(model.Disturbance, NAMES, NAMES)),
    few(st.builds(model.Expectation, NAMES, SUBJECTS, STATES, NAMES)),
    st.just(1),
)  # fmt: skip


@given(PLANS)
@settings(max_examples=200, deadline=None)
def test_what_is_read_is_what_was_written(plan: model.Plan) -> None:
    written = dumps(plan)
    assert written.isascii()
    assert loads(written) == plan
    assert loads(written.encode()) == plan
    assert dumps(loads(written)) == written


@pytest.fixture
def plan(tmp_path: Path) -> model.Plan:
    return plan_of(planted(tmp_path))


def test_a_real_plan_comes_back_with_its_policy(plan: model.Plan) -> None:
    again = loads(dumps(plan))
    assert again == plan
    assert policy_from(again.policy, where="the plan") == policy_from(plan.policy, where="the plan")


def spoilt(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], str]:
    def spoil(read: dict[str, Any]) -> str:
        change(read)
        return json.dumps(read)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (spoilt(lambda read: read.update(more=1)), "the plan.more is not as this version writes it"),
        (spoilt(lambda read: read["rewrites"][0].update(more=1)), "the plan.rewrites[0].more is not as"),
        (
            spoilt(lambda read: read["rewrites"][0]["edits"][0].update(more=1)),
            "the plan.rewrites[0].edits[0].more",
        ),
        (spoilt(lambda read: read["rewrites"][0].pop("cuts")), "the plan.rewrites[0].cuts is not as"),
        (spoilt(lambda read: read["rewrites"][0].update(cuts="no")), "`bool`"),
        (spoilt(lambda read: read["rewrites"][0]["edits"][0].update(type="Run")), "Invalid value 'Run'"),
        (spoilt(lambda read: read.update(format=2)), "it is in format 2, and this version reads format 1"),
        (spoilt(lambda read: read.update(made_at="2026-03-01T12:00:00")), "has no zone"),
        (lambda read: json.dumps(read)[:-1], "Expecting"),
        (lambda read: json.dumps(read).replace('"root": ', '"root": "x", "root": '), "twice"),
        (lambda _: "[" * 100_000, "recursion"),
        (lambda _: '"a plan"', "Expected `object`"),
        (lambda _: "", "Expecting value"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_sentence(
    plan: model.Plan, spoil: Callable[[dict[str, Any]], str], why: str
) -> None:
    with pytest.raises(BadPlan) as refused:
        loads(spoil(json.loads(dumps(plan))), "p.json")
    said = str(refused.value)
    assert said.startswith("p.json is not a plan: ")
    assert why in said
    assert "\n" not in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPlan, match=r"nothing\.json cannot be read: no such file"):
        load(tmp_path / "nothing.json")
    with pytest.raises(BadPlan, match="cannot be read: is a directory"):
        load(tmp_path)


def test_neither_json_nor_text_holds_a_secret(tmp_path: Path) -> None:
    world = planted(tmp_path)
    grub = world.root / "etc/default/grub"
    grub.parent.mkdir(parents=True, exist_ok=True)
    grub.write_text(f"GRUB_CMDLINE_LINUX_DEFAULT=$(x) password={SECRET}\n")  # more than edits understand
    made = plan_of(world)
    assert any(SECRET in (text(f"{world.root}{each.path}") or "") for each in made.rewrites)
    assert SECRET not in dumps(made)
    assert SECRET not in render(made, Style(palette=Palette.COLOUR))


def test_a_saved_plan_is_private_from_its_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old, and open to all")
    path.chmod(0o666)
    seen: list[int] = []

    def pieces() -> Any:
        for piece in ("{", "}"):
            seen.extend(each.stat().st_mode & 0o777 for each in tmp_path.iterdir() if each != path)
            yield piece

    before = os.umask(0)
    try:
        deliver(pieces(), str(path))
    finally:
        os.umask(before)
    assert (set(seen), path.stat().st_mode & 0o777, path.read_text()) == ({0o600}, 0o600, "{}")


def test_a_time_without_a_zone_is_not_written_by_mistake(plan: model.Plan) -> None:
    with pytest.raises(BadPlan):
        loads(dumps(replace(plan, made_at=datetime(2026, 3, 1))))
