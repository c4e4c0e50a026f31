"""A plan is made true, judged, and can be taken back to the byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.apply.worlds import World, laid_out
from virtwarden.journal import Status
from virtwarden.model import Result


@pytest.fixture
def world(tmp_path: Path) -> World:
    os.umask(0o022)
    return laid_out(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others, as some fixes do")
def test_applied_it_is_healed_and_taken_back_it_is_as_before(world: World) -> None:
    start = world.tree()
    plan = world.planned()
    done = world.apply(plan)
    assert world.tree() != start
    assert done.transaction.status is Status.APPLIED
    again = world.planned()
    assert [str(rewrite.document) for rewrite in again.rewrites] == []
    failing = {(e.control, e.subject, e.state) for e in plan.expected if not e.when}
    still = {
        (outcome.control, finding.subject, finding.state)
        for outcome in world.judged().outcomes
        for finding in outcome.findings
        if finding.result is Result.FAIL
    }
    assert failing & still == set()
    world.rollback()
    assert world.tree() == start
    assert world.journal.open_transaction() is None
