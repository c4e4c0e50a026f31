"""On every recorded host a plan can be applied, heals what it promises, leaves nothing to plan, and is taken back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.apply.worlds import World, as_image, laid_out
from tests.contract.test_fixes import RECORDED, lines_of
from virtwarden.model import Plan, Result

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others, as some fixes do")


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    os.umask(0o022)
    return as_image(laid_out(tmp_path, request.param))


def failing(world: World) -> set[tuple[object, ...]]:
    return {
        (outcome.control, finding.subject, finding.state)
        for outcome in world.judged().outcomes
        for finding in outcome.findings
        if finding.result is Result.FAIL
    }


def of_files(failure: tuple[object, ...]) -> bool:
    """Whether it speaks of what a plan writes: audit.rules is compiled from it at boot."""
    return failure[0] != "audit-rules-compiled"


def promised(plan: Plan) -> set[tuple[object, ...]]:
    return {(each.control, each.subject, each.state) for each in plan.expected if not each.when}


@NEEDS_ROOT
@pytest.mark.parametrize("world", RECORDED, indirect=True)
def test_a_plan_heals_is_complete_and_is_taken_back(world: World) -> None:
    start, before = world.tree(), failing(world)
    plan = world.planned()
    assert plan.rewrites
    assert promised(plan) <= before
    world.apply(plan)
    after = failing(world)
    assert promised(plan) & after == set()
    assert {each for each in after - before if of_files(each)} == set(), "what did not fail before fails now"
    assert [str(each.document) for each in world.planned().rewrites] == []
    world.rollback()
    assert world.tree() == start
    assert failing(world) == before


@NEEDS_ROOT
@pytest.mark.parametrize("world", RECORDED, indirect=True)
def test_the_order_of_a_plan_decides_nothing(world: World) -> None:
    """Applied backwards, with the edits of each document backwards, a plan makes the same host."""
    plan = world.planned()
    backwards = replace(plan, rewrites=tuple(replace(r, edits=r.edits[::-1]) for r in plan.rewrites[::-1]))
    world.apply(plan)
    forth = contents(world)
    world.rollback()
    world.apply(backwards)
    assert contents(world) == forth


def contents(world: World) -> dict[str, object]:
    """The tree, with lines and the words of each in no order: what two edits add to one place may stand either way."""
    found: dict[str, object] = {}
    for path, value in world.tree().items():
        assert isinstance(value, tuple)
        what = value[0]
        found[path] = (lines_of(what.decode("latin-1")) if isinstance(what, bytes) else what, *value[1:])
    return found
