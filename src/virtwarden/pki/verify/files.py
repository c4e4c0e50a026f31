"""Modes, owners, links and copies of PKI files: who else could use or replace a key, a certificate, an anchor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from virtwarden.pki.verify.faults import Fault

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

AUTHORITY_KEYS = ("cakey.pem", "ca-key.pem", "ca_key.pem", "cakey.key", "ca.key", "ca-key.key")
"""Names under which the key of an authority is kept, so that an encrypted one is known by its name."""


class Entry(Protocol):
    """What the file system says of a file."""

    @property
    def mode(self) -> int: ...
    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...
    @property
    def owner(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def links(self) -> int: ...
    @property
    def inode(self) -> str: ...


class Key(Protocol):
    """A private key, known by the SHA-256 of its public half, None where it could not be opened."""

    @property
    def spki_sha256(self) -> str | None: ...


class Held(Protocol):
    """A file of the PKI: who reads it (`libvirt`, `qemu`, `user`), as what, and what is in it."""

    @property
    def path(self) -> str: ...
    @property
    def holder(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def stat(self) -> Entry: ...
    @property
    def keys(self) -> Sequence[Key]: ...
    @property
    def certificates(self) -> Sequence[tuple[int, Certificate]]: ...


H = TypeVar("H", bound=Held)


def is_key(file: Held) -> bool:
    """Whether a private key is in it, or should be."""
    return file.role == "key" or bool(file.keys)


def rights(file: Held, qemu_groups: Collection[str]) -> Iterator[Fault]:
    """Who may use or change a file and should not; each message goes on from `a key that`, or from the file."""
    entry = file.stat
    if is_key(file):
        groups_may_read = file.holder == "qemu" and (entry.group in qemu_groups or entry.gid == 0)
        if entry.mode & 0o007:
            yield Fault("open-key", "everybody may use", file=file.path)
        if entry.mode & 0o070 and not groups_may_read:
            yield Fault("open-key", f"the group {entry.group} may use", file=file.path)
        elif entry.mode & 0o030:
            yield Fault("open-key", f"the group {entry.group} may change", file=file.path)
    elif entry.mode & 0o022:
        yield Fault("writable", "others than its owner may change", file=file.path)
    if entry.uid != 0 and file.holder != "user":
        yield Fault("not-roots", "does not belong to root", file=file.path)


def ownership(file: Held, qemu_users: Collection[str]) -> Iterator[Fault]:
    """Whether the file is one of its own, and not that of the user that guests run as."""
    entry = file.stat
    if entry.links > 1:
        yield Fault("linked", f"is hard-linked {entry.links} times", file=file.path)
    if entry.owner in qemu_users or str(entry.uid) in qemu_users:
        yield Fault("qemus", f"belongs to {entry.owner}, as whom guests run", file=file.path)


def shared(files: Iterable[H]) -> Iterator[tuple[H, H]]:
    """The files whose key the other side, libvirt or QEMU, holds as well, each with a file of that side."""
    holders: dict[str, list[H]] = {}
    for file in files:
        for identity in _identities(file):
            holders.setdefault(identity, []).append(file)
    for same in holders.values():
        for file in same:
            other = next((each for each in same if {each.holder, file.holder} == {"libvirt", "qemu"}), None)
            if other is not None:
                yield file, other


def is_authoritys_key(file: Held, authorities: Collection[str]) -> bool:
    """Whether it holds the private key of one of these authorities, or an encrypted one under such a name."""
    if any(key.spki_sha256 in authorities for key in file.keys):
        return True
    name = file.path.rpartition("/")[2].lower()
    return name in AUTHORITY_KEYS and any(key.spki_sha256 is None for key in file.keys)


def _identities(file: Held) -> set[str]:
    """What identifies the private keys that a file holds or speaks of."""
    if file.role == "key":
        return {key.spki_sha256 for key in file.keys if key.spki_sha256} | {file.stat.inode}
    if file.role in ("server", "client"):
        return {certificate.key_id for _, certificate in file.certificates[:1]}
    return set()
