"""A heap of PKI files put into order, which certificate with which key, authorities and lists, and all of it judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from virtwarden.pki.verify import files as on_disk
from virtwarden.pki.verify.faults import Fault, Limits, Weight, refused
from virtwarden.pki.verify.identity import (
    Identity,
    Placed,
    PlacedKey,
    PlacedList,
    judge,
    judge_authorities,
    judge_lists,
)
from virtwarden.pki.verify.keysbeside import KeysBeside
from virtwarden.pki.verify.single import End, Roles

if TYPE_CHECKING:
    from virtwarden.formats.certificate import RevocationList

BOTH_ROLES = ("/libvirt-migrate", "/libvirt-chardev", "/migrate", "/chardev")
"""How the directories end of those who are servers and clients by turns."""


class Filed(on_disk.Held, Protocol):
    """A file with what could not be told of it. `directory` leaves out `private`."""

    @property
    def directory(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> str: ...
    @property
    def malformed(self) -> bool: ...
    @property
    def is_read(self) -> bool: ...
    @property
    def revocations(self) -> Sequence[RevocationList]: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a heap of files is judged by. `together`: the files belong together wherever they lie, as when somebody
    names them one by one."""

    now: datetime
    limits: Limits = Limits()
    dialled: tuple[str, ...] = ()
    qemu_users: Collection[str] = ()
    qemu_groups: Collection[str] = ()
    together: bool = False
    keys: KeysBeside = KeysBeside.EXPECTED
    roles: Roles = Roles.ONE


def verify(files: Sequence[Filed], asked: Asked) -> Iterator[Fault]:
    """All that is wrong with these files."""
    for file in files:
        yield from _contents(file)
        yield from _entry(file, asked)
    for file in files:
        if file.role == "authority":
            yield from judge_authorities(_placed(file), asked.now, asked.limits)
        elif file.role == "revocation":
            yield from judge_lists(_lists([file]), _trusted(file, files, asked), asked.now)
        elif file.role in ("server", "client") and file.certificates:
            identity = _identity(file, files, asked)
            yield from judge(identity, asked.now, asked.limits)
            if identity.key is None and "cert" in file.name and asked.keys is KeysBeside.EXPECTED:
                yield replace(refused("no-key", "there is no key beside it"), file=file.path)
    yield from _between(files, asked)


def _contents(file: Filed) -> Iterator[Fault]:
    """What could not be had from a file."""
    if not file.is_read:
        yield Fault("not-read", file.problem, Weight.UNKNOWN, file.path)
    elif file.problem:
        if file.malformed:
            yield replace(refused("unreadable", file.problem), file=file.path, line=1)
        else:
            yield Fault("unsupported", file.problem, Weight.UNKNOWN, file.path, 1)
    elif file.role in ("authority", "server", "client") and not file.certificates:
        yield replace(refused("unreadable", "holds no certificate"), file=file.path, line=1)
    elif file.role == "revocation" and not file.revocations:
        yield replace(refused("unreadable", "holds no revocation list"), file=file.path, line=1)
    elif file.role == "key" and not file.keys:
        yield replace(refused("unreadable", "holds no private key"), file=file.path, line=1)


def _entry(file: Filed, asked: Asked) -> Iterator[Fault]:
    """Who may use, change or replace it."""
    entry = file.stat
    shown = f"is {entry.owner}:{entry.group}, mode {entry.mode:04o}"
    lead = "a key that " if on_disk.is_key(file) else ""
    found = list(on_disk.rights(file, asked.qemu_groups))
    for code in dict.fromkeys(fault.code for fault in found):
        told = ", ".join(fault.message for fault in found if fault.code == code)
        yield Fault(code, f"{lead}{told}: {shown}", file=file.path)
    yield from on_disk.ownership(file, asked.qemu_users)


def _identity(file: Filed, files: Sequence[Filed], asked: Asked) -> Identity:
    end: End = "server" if file.role == "server" else "client"
    near = [each for each in files if _is_near(file, each, asked)]
    return Identity(
        end,
        _placed(file),
        _trusted(file, files, asked),
        _lists([each for each in near if each.role == "revocation"]),
        _key(file, files, asked),
        _roles(file, asked),
        all(each.is_read for each in near if each.role == "authority"),
        asked.dialled,
    )


def _is_near(file: Filed, other: Filed, asked: Asked) -> bool:
    """Whether the other's authority or list is for this file."""
    if asked.together or other.directory == file.directory:
        return True
    beside = f"{file.directory.rpartition('/')[0]}/CA"
    return file.holder != "qemu" and other.directory == beside


def _trusted(file: Filed, files: Sequence[Filed], asked: Asked) -> tuple[Placed, ...]:
    """The authorities by which it is judged: those beside it; libvirt's for one that lies elsewhere."""
    held = [each for each in files if each.role == "authority"]
    near = [each for each in held if _is_near(file, each, asked)]
    if not near and file.holder == "libvirt":
        near = [each for each in held if each.holder == "libvirt"]
    return tuple(placed for each in near for placed in _placed(each))


def _key(file: Filed, files: Sequence[Filed], asked: Asked) -> PlacedKey | None:
    keys = [each for each in files if each.role == "key"]
    name = file.name.replace("cert", "key", 1)
    beside = [
        each for each in keys if each.directory == file.directory and each.name == name and name != file.name
    ]
    if not beside:
        key_id = file.certificates[0][1].key_id
        beside = [each for each in keys if any(key.spki_sha256 == key_id for key in each.keys)]
        certificates = sum(each.role in ("server", "client") for each in files)
        beside = beside or (keys if asked.together and len(keys) == 1 == certificates else [])
    if not beside:
        return None
    key = beside[0]
    return PlacedKey(key.path, tuple(each.spki_sha256 for each in key.keys if each.spki_sha256), key.problem)


def _placed(file: Filed) -> tuple[Placed, ...]:
    return tuple(Placed(file.path, line, certificate) for line, certificate in file.certificates)


def _lists(files: Sequence[Filed]) -> tuple[PlacedList, ...]:
    return tuple(PlacedList(file.path, held) for file in files for held in file.revocations)


def _between(files: Sequence[Filed], asked: Asked) -> Iterator[Fault]:
    """What is wrong with several files taken together."""
    for file, other in {one.path: (one, two) for one, two in on_disk.shared(files)}.values():
        yield Fault("shared-key", f"holds the same key as {other.path}", file=file.path)
    serials: dict[tuple[str, int], set[str]] = {}
    leaves = [file for file in files if file.role in ("server", "client") and file.certificates]
    yield from _reused(leaves, asked)
    for file in leaves:
        certificate = file.certificates[0][1]
        serials.setdefault((certificate.issuer, certificate.serial), set()).add(certificate.key_id)
    for file in leaves:
        line, certificate = file.certificates[0]
        if len(serials[certificate.issuer, certificate.serial]) > 1:
            message = f"serial number {certificate.serial} was given out twice"
            yield Fault("repeated-serial", message, file=file.path, line=line)
    authorities = {one.key_id for file in files if file.role == "authority" for _, one in file.certificates}
    for file in files:
        if on_disk.is_authoritys_key(file, authorities):
            yield Fault(
                "authority-key", "the private key of the authority lies beside what it signs", file=file.path
            )


def _reused(leaves: Sequence[Filed], asked: Asked) -> Iterator[Fault]:
    """Keys that serve in two roles, or for two of QEMU's uses; whoever migrates guests is both ends by turns."""
    for file in leaves:
        line, certificate = file.certificates[0]
        same = [each for each in leaves if each.certificates[0][1].key_id == certificate.key_id]
        other = next((each for each in same if each.role != file.role), None)
        if other is not None and _roles(file, asked) is Roles.ONE:
            yield Fault(
                "reused-key", f"has the same key as {other.path}, in another role", file=file.path, line=line
            )
            continue
        qemus = (
            each for each in same if each.holder == file.holder == "qemu" and each.directory != file.directory
        )
        if (other := next(qemus, None)) is not None:
            yield Fault(
                "reused-key", f"has the same key as {other.path}, of another use", file=file.path, line=line
            )


def _roles(file: Filed, asked: Asked) -> Roles:
    """How many roles a certificate may have where it lies."""
    return Roles.BOTH if file.directory.endswith(BOTH_ROLES) else asked.roles
