"""An authority on disk for tests: made once, copied for each test that changes it."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from virtwarden.pki import authority, keys, names
from virtwarden.pki.authority import Authority, Signer
from virtwarden.pki.certifying import Wish
from virtwarden.pki.keys import PrivateKey
from virtwarden.pki.orders import Issued, Order
from virtwarden.pki.roles import Purpose

PASSPHRASE = b"correct horse"
NAME = "Example Org/virt authority"


_PLACE = TemporaryDirectory(prefix="virt-warden-test-")  # goes with the process


@cache
def _first() -> tuple[Path, PrivateKey]:
    with patch.object(keys, "_COST", 2):  # for speed: it takes half a second else to open
        made = authority.create(Path(_PLACE.name) / "ca", names.authority_name(NAME), "p384", 3650, PASSPHRASE)
    return made.folder, made.signer(PASSPHRASE).key


def signer(folder: Path) -> Signer:
    """An authority of its own in this new folder, its key open."""
    first, key = _first()
    shutil.copytree(first, folder)
    return Signer(authority.load(folder), key)


def order(name: str = "kvm1.example.org", purpose: Purpose | None = None, key: PrivateKey | None = None) -> Order:
    """An order of a certificate with a new key."""
    purpose = purpose or Purpose("libvirt", "server")
    subject = names.subject(name, purpose, (), "Example Org")
    dialled = None if purpose.role == "client" else names.names([name]).general
    public = (key or keys.new_key("p256")).public_key()
    return Order(Wish(subject, purpose.role, public, dialled), purpose)


def issue(signer: Signer, name: str = "kvm1.example.org", purpose: Purpose | None = None) -> Issued:
    """One certificate."""
    return signer.issue([order(name, purpose)])[0]


def reload(signer: Signer) -> Authority:
    """The authority as another command would find it."""
    return authority.load(signer.authority.folder)
