"""Wherever an apply or a roll-back is killed, a roll-back brings back the start, and nothing goes unnoticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.apply.killing import killed_at, points_of
from tests.apply.worlds import World, laid_out
from virtwarden.journal import Status
from virtwarden.model import Plan

SERVED = (
    "boot-loader-locked", "vnc-requires-tls", "plain-tcp-off", "pki-keys-private", "host-closed-to-guest-bridges",
    "audit-covers-virtualization", "ssh-passwords-off", "memory-sharing-off", "disk-caches-safe", "kernel-locked-down",
    "nesting-off", "filters-not-dead", "guest-bridges-without-addresses", "sasl-mechanism-strong",
    "host-runs-virtualization-only",
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return laid_out(tmp_path)


@pytest.fixture
def plan(world: World) -> Plan:
    return world.planned(SERVED)


def forget(world: World) -> None:
    """As if nothing had been noted yet."""
    shutil.rmtree(world.journal.folder, ignore_errors=True)


def test_an_apply_can_be_killed_anywhere(world: World, plan: Plan) -> None:
    start = world.tree()
    assert len(plan.rewrites) >= 12
    points = points_of(lambda: world.apply(plan))
    world.rollback()
    ended = {"nothing was begun": 0, "taken back": 0, "applied": 0}
    for point in range(1, points + 1):
        forget(world)
        assert killed_at(point, lambda: world.apply(plan))
        found = world.journal.open_transaction()
        if found is not None:
            assert found.status is Status.INTERRUPTED
            world.rollback()
            ended["taken back"] += 1
        elif world.tree() == start:
            ended["nothing was begun"] += 1
        else:
            assert next(world.journal.history()).status is Status.APPLIED
            world.rollback()
            ended["applied"] += 1
        assert world.tree() == start, f"killed at {point}"
        assert world.journal.open_transaction() is None
    assert ended["taken back"] > 200
    assert min(ended.values()) > 0


def test_a_rollback_can_be_killed_anywhere(world: World, plan: Plan) -> None:
    start = world.tree()
    world.apply(plan)
    applied = world.tree()
    points = points_of(world.rollback)
    assert points > 100
    for point in range(1, points + 1):
        forget(world)
        world.apply(plan)
        assert world.tree() == applied
        assert killed_at(point, world.rollback)
        found = world.journal.open_transaction()
        assert found is None or found.status in (Status.UNDOING, Status.APPLIED)
        if next(world.journal.history()).status is not Status.ROLLED_BACK:
            world.rollback()
        assert world.tree() == start, f"killed at {point}"
