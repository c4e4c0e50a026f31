"""On every recorded host one plan sets up TLS with its certificates, heals what it promises, and is taken back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.apply.worlds import World, as_image, laid_out
from tests.contract.test_fixes import RECORDED
from tests.real.credentials import SiteAuthority
from virtwarden.facts.policy import Policy, Remote
from virtwarden.model import Plan, Result

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
SOUND = "pki-certificates-sound"
"""Judges how the test's own authority issues."""
SERVED = ("remote-transport-offered", "tls-clients-listed", "management-ports-limited", "plain-tcp-off")
WANTED = Policy(
    remote=Remote(
        transport="tls", certificates="/root/kvm7", listen="192.0.2.7", allowed_dns=("O=Example,CN=admin",)
    )
)


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    made = as_image(laid_out(tmp_path, request.param))
    authority = SiteAuthority()
    server = authority.issue("O=Example,CN=kvm7", "server", names=("kvm7.example.com",))
    folder = made.root / "root/kvm7"
    folder.mkdir(parents=True)
    for name, text in (
        ("cacert", authority.certificate),
        ("servercert", server.certificate),
        ("serverkey", server.key),
    ):
        (folder / f"{name}.pem").touch(0o600)
        (folder / f"{name}.pem").write_text(text)
    for unit in made.root.glob("usr/lib/systemd/system/*-tls.socket"):  # recorded without what enables it
        if "[Install]" not in unit.read_text():
            unit.write_text(unit.read_text() + "[Install]\nWantedBy=sockets.target\n")
    made.policy = WANTED
    return made


def failing(world: World) -> set[tuple[object, ...]]:
    return {
        (outcome.control, finding.subject, finding.state)
        for outcome in world.judged().outcomes
        for finding in outcome.findings
        if finding.result is Result.FAIL and outcome.chapter in ("remote", "tcb") and outcome.control != SOUND
    }


def promised(plan: Plan) -> set[tuple[object, ...]]:
    return {(each.control, each.subject, each.state) for each in plan.expected}


@pytest.mark.parametrize("world", RECORDED, indirect=True)
def test_tls_is_set_up_in_one_plan_and_taken_back(world: World) -> None:
    start, before = world.tree(), failing(world)
    plan = world.planned(SERVED)
    mended = promised(plan)
    assert any(control == "remote-transport-offered" for control, *_ in mended), [u.steps for u in plan.unfixed]
    world.apply(plan)
    after = failing(world)
    assert mended & after == set()
    assert after - before == set(), "what did not fail before fails now"
    assert [str(each.document) for each in world.planned(SERVED).rewrites] == []
    assert (world.root / "etc/pki/libvirt/private/serverkey.pem").stat().st_mode & 0o777 == 0o600
    world.rollback()
    assert world.tree() == start
