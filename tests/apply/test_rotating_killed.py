"""Wherever a rotation or its roll-back is killed, each use has a key and a certificate that belong together again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from tests.apply.copying import FOLDER, Site
from tests.apply.killing import killed_at, points_of
from tests.real.credentials import SiteAuthority
from virtwarden.model import Plan
from virtwarden.placing import host_placements
from virtwarden.rotating import Step, changes_of, next_step

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
USES = {
    "libvirt": ("/etc/pki/libvirt/servercert.pem", "/etc/pki/libvirt/private/serverkey.pem"),
    "vnc": ("/etc/pki/libvirt-vnc/server-cert.pem", "/etc/pki/libvirt-vnc/server-key.pem"),
}
EVERY = 9


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    before = os.umask(0o022)
    yield Site(tmp_path)
    os.umask(before)


def wholes(site: Site) -> dict[str, bool]:
    """Whether the certificate in place of each use is of the key in place."""
    found = {}
    for use, (certificate, key) in USES.items():
        public = load_pem_x509_certificate(site.path(certificate).read_bytes()).public_key()
        own = load_pem_private_key(site.path(key).read_bytes(), None).public_key()
        found[use] = public == own
    return found


def step_of(site: Site) -> tuple[Step, Plan]:
    host = site.host()
    placed = host_placements(host)
    step = next_step(host, placed)
    return step, site.planned(*changes_of(host, step, placed))


def turned(site: Site, steps: int) -> None:
    """A host with certificates of an authority, and another authority's in the folder; so many steps are done."""
    for use in USES:
        site.offer(use)
    site.apply(site.planned())
    shutil.rmtree(site.path(FOLDER))
    site.authority = SiteAuthority("O=Example,CN=new")
    for use in USES:
        site.offer(use)
    for _ in range(steps):
        site.apply(step_of(site)[1])


@pytest.mark.parametrize(("steps", "name"), [(0, Step.TRUST), (1, Step.LEAVES), (2, Step.FINISH)])
def test_a_step_that_is_killed_leaves_a_whole_set_or_is_taken_back_to_one(
    site: Site, steps: int, name: Step
) -> None:
    turned(site, steps)
    step, plan = step_of(site)
    assert step is name
    start = site.tree()
    assert wholes(site) == dict.fromkeys(USES, True)
    points = points_of(lambda: site.apply(plan))
    done = site.tree()
    assert done != start
    site.rollback()
    assert site.tree() == start
    seen = {"old": 0, "new": 0, "open": 0}
    for point in (*range(1, points, EVERY), points):
        assert killed_at(point, lambda: site.apply(plan))
        if site.journal.open_transaction() is None:
            assert site.tree() in (start, done), f"killed at {point}"
            seen["old" if site.tree() == start else "new"] += 1
            if site.tree() == start:
                continue
        else:
            seen["open"] += 1
        killed_at(point, site.rollback)
        assert wholes(site) == dict.fromkeys(USES, True) or site.journal.open_transaction() is not None
        if site.tree() != start or site.journal.open_transaction() is not None:
            site.rollback()
        assert site.tree() == start, f"killed at {point}"
        assert wholes(site) == dict.fromkeys(USES, True)
    assert min(seen.values()) > 0
