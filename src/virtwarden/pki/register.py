"""What an authority has issued and what it took back: a text file that is replaced whole, so that it is never torn."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from virtwarden.complaint import Complaint
from virtwarden.pki import secretfiles
from virtwarden.pki.places import Use
from virtwarden.pki.roles import Purpose, Role
from virtwarden.pki.secretfiles import SECRET, Content

FORMAT = 1
FILE = "issued.json"
_LARGEST = 1 << 28
PATIENCE = 60.0
"""Seconds to wait for another command that uses the authority."""

State = Literal["valid", "ended", "revoked"]
Serial = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,40}$")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Origin = Literal["here", "request"]
"""Where the key was made: beside the authority, or on the host that asked."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate. `serial` is in hexadecimal, `subject` as libvirt compares it, `key_id` the SHA-256 of the public
    key; `follows` is the serial of the certificate that this one was issued to replace."""

    serial: Serial
    name: str
    use: Use
    role: Role
    subject: str
    names: tuple[str, ...]
    start: Moment
    end: Moment
    key: str
    key_id: str
    key_made: Origin = "here"
    follows: Serial | None = None
    revoked: Moment | None = None
    reason: str | None = None

    @property
    def purpose(self) -> Purpose:
        """What it is for."""
        return Purpose(self.use, self.role)

    def state(self, now: datetime) -> State:
        """How it stands at a time."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if now < self.end else "ended"


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All entries in the order of their issue, and the number of the latest revocation list."""

    format: int = FORMAT
    list_number: int = 0
    entries: tuple[Entry, ...] = ()

    def with_entries(self, *new: Entry) -> Register:
        """The register with more entries."""
        return msgspec.structs.replace(self, entries=(*self.entries, *new))

    def found(self, serial: str) -> Entry | None:
        """The entry of this serial."""
        return next((entry for entry in self.entries if entry.serial == serial), None)

    def due(self, before: timedelta, now: datetime) -> tuple[Entry, ...]:
        """What is in use and ends by then, or has ended."""
        return tuple(entry for entry in self._in_use() if entry.end <= now + before)

    def latest(self, name: str) -> tuple[Entry, ...]:
        """What is in use under a name, for each of its purposes."""
        return tuple(entry for entry in self._in_use() if entry.name == name)

    def _in_use(self) -> list[Entry]:
        """Of each subject and role what was issued last and not taken back, in the order of their issue."""
        found: dict[tuple[str, Role], Entry] = {}
        for entry in self.entries:
            if entry.revoked is None:
                found.pop((entry.subject, entry.role), None)
                found[entry.subject, entry.role] = entry
        return list(found.values())


def load(folder: Path) -> Register:
    """The register in an authority's folder. Raises `Complaint`."""
    path = folder / FILE
    try:
        data = secretfiles.read(path, _LARGEST)
    except FileNotFoundError:
        raise Complaint(f"there is no {path}; restore it from a copy") from None
    try:
        found = msgspec.json.decode(data, type=Register)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Complaint(f"{path} is not a register of certificates ({wrong}); restore it from a copy") from None
    if found.format != FORMAT:
        raise Complaint(f"{path} was written by another version of virt-warden, in format {found.format}")
    return found


def content(register: Register) -> Content:
    """The register as it is written."""
    return Content(msgspec.json.format(msgspec.json.encode(register), indent=1) + b"\n", SECRET)


def store(folder: Path, register: Register) -> None:
    """Replace the register. Raises `OSError`."""
    secretfiles.replace(folder, {FILE: content(register)})


@contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Have the folder to oneself, and drafts that a killed command left cleared away. Raises `Complaint`."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, SECRET)
    except OSError as refused:
        raise Complaint(f"{folder} cannot be written: {refused.strerror}") from None
    try:
        _lock(descriptor, folder, patience)
        _clear(folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Complaint(f"another command uses the authority in {folder}; try again") from None
            time.sleep(0.02)
        except OSError as refused:
            raise Complaint(f"{folder} cannot be locked: {refused.strerror}") from None


def _clear(folder: Path) -> None:
    for place in (folder, folder / "certificates"):
        with suppress(OSError):
            for draft in place.glob(".*.pem.*"):
                draft.unlink(missing_ok=True)
            for draft in place.glob(f".{FILE}.*"):
                draft.unlink(missing_ok=True)
