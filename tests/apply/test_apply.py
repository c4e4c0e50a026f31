"""A plan is made true, judged, and can be taken back to the byte."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.apply.worlds import World, laid_out
from virtwarden.apply import Applying, Refused, TakenBack
from virtwarden.arming import Arming
from virtwarden.journal import Status, Transaction
from virtwarden.journal.records import Applied, Record, Undone
from virtwarden.model import HOST, Finding, Report, Result
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.undo import Unfinished


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


SERVED = ("vnc-requires-tls", "nesting-off")


def test_what_can_no_longer_be_judged_is_not_taken_for_healed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = world.tree()
    plan = world.planned(SERVED)

    def refusing(ids: Sequence[str] = ()) -> Report:
        report = judged(ids)
        finding = Finding(HOST, Result.UNKNOWN, "permission denied")
        return replace(report, outcomes=tuple(replace(o, findings=(finding,)) for o in report.outcomes))

    judged = world.judged
    monkeypatch.setattr(world, "judged", refusing)
    with pytest.raises(TakenBack, match="permission denied"):
        world.apply(plan)
    assert world.tree() == start
    assert world.journal.open_transaction() is None


def test_a_roll_back_that_the_disk_refuses_is_said_to_be_unfinished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = world.tree()
    add = Transaction.add

    def full(transaction: Transaction, record: Record) -> None:
        if isinstance(record, Applied | Undone):
            raise OSError(errno.EIO, "Input/output error")
        add(transaction, record)

    plan = world.planned(SERVED)
    with monkeypatch.context() as broken:
        broken.setattr(Transaction, "add", full)
        with pytest.raises(Unfinished, match="Input/output error"):
            world.apply(plan)
    assert world.journal.open_transaction() is not None
    world.rollback()
    assert world.tree() == start


def test_without_its_timer_nothing_is_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start = world.tree()

    def refused(arming: Arming, id_: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", f"{id_}.watch")

    monkeypatch.setattr(Arming, "arm", refused)
    with world.journal.locked() as held:
        keeper = Keeper(str(world.root), Programs((held,)))
        arming = Arming(60, world.journal.folder)
        applying = Applying(world.journal, keeper, world.source, world.judged, world.told.append, arming)
        with pytest.raises(Refused, match="timer"):
            applying.apply(world.planned(SERVED))
    assert world.tree() == start
    assert world.journal.open_transaction() is None
