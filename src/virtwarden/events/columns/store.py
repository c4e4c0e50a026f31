"""The folder that records are imported into: Parquet files by host and day, and the checkpoint that says what of which
log they hold.

New files are made beside the others, then the checkpoint is written, which says where they belong, and only then are
they moved there. So whenever a run is killed, what it did not finish is completed or thrown away by the next one, and
nothing is there twice. Audit logs are secrets: the folder is for its owner alone.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from virtwarden.complaint import Complaint

_CHECKPOINT, _NEW, _LOCK = "checkpoint.json", ".new", ".lock"
NOWHERE = "__HIVE_DEFAULT_PARTITION__"
"""What the folder of records without host or day is called, by the convention of Hive."""
_LONGEST = 240


File = tuple[int, int, int, int]
"""A file as it was: device, inode, size, and when it was changed last."""


class Place(msgspec.Struct, frozen=True):
    """How far a log was read: bytes and lines of it as they were before compression, and a digest of the last bytes.
    `file` is the file that holds no more than that."""

    bytes: int = 0
    lines: int = 0
    tail: str = ""
    tail_size: int = 0
    file: File | None = None


class Known(msgspec.Struct):
    """A log that was read: what its files are called, its first line's digest, and how far it was read."""

    name: str
    first: str
    place: Place


class Move(NamedTuple):
    """A finished file, and where it belongs; both below the folder."""

    new: str
    place: str


class Checkpoint(msgspec.Struct):
    """What the folder holds. `moves` are done before anything else, if they are not done yet."""

    version: int = 1
    logs: list[Known] = msgspec.field(default_factory=list)
    moves: list[Move] = msgspec.field(default_factory=list)


class Store:
    """An import folder that nobody else writes to now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = checkpoint_in(folder)
        self._finish()

    def known(self, first: str) -> list[Known]:
        """The logs that begin so."""
        return [each for each in self.checkpoint.logs if each.first == first]

    def holds(self, file: File | None) -> bool:
        """Whether all that this file holds was read already."""
        return file is not None and any(each.place.file == file for each in self.checkpoint.logs)

    def add(self, first: str) -> Known:
        """A log that was not read before."""
        alike = len(self.known(first))
        made = Known(first[:16] + (f"-{alike + 1}" if alike else ""), first, Place())
        self.checkpoint.logs.append(made)
        return made

    def new(self, host: str | None, day: str | None, name: str) -> tuple[Path, Move]:
        """A file to be written, and the move that takes it to where it belongs."""
        place = f"host={encoded(host)}/day={day or NOWHERE}/{name}.parquet"
        new = f"{_NEW}/{sha256(place.encode()).hexdigest()[:32]}.parquet"
        path = self.folder / new
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        return path, Move(new, place)

    def commit(self, moves: list[Move]) -> None:
        """Note how far logs are read by now, and put the files in their places."""
        self.checkpoint.moves = moves
        temporary = self.folder / f"{_CHECKPOINT}.new"
        with suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(self.checkpoint))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.folder / _CHECKPOINT)
        _sync(self.folder)
        self._move()

    def _finish(self) -> None:
        """Complete what was noted; throw away what was not."""
        new = self.folder / _NEW
        new.mkdir(mode=0o700, exist_ok=True)
        self._move()
        for left in new.iterdir():
            left.unlink()

    def _move(self) -> None:
        folders: set[Path] = set()
        for move in self.checkpoint.moves:
            target = self.folder / move.place
            folders |= _made(target.parent)
            with suppress(FileNotFoundError):  # it is there already
                (self.folder / move.new).rename(target)
        for folder in folders:
            _sync(folder)


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """The folder, made if need be, and kept from other imports meanwhile. Raises `Complaint`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as refused:
        raise Complaint(f"{folder} cannot be written: {refused.strerror}") from None
    try:
        _require_own(folder)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Store(folder)
    except BlockingIOError:
        raise Complaint(f"another import into {folder} is going on; try again when it is done") from None
    except OSError as refused:
        raise Complaint(f"{folder} cannot be written: {refused.strerror or refused}") from None
    finally:
        os.close(lock)


def checkpoint_in(folder: Path) -> Checkpoint:
    """What a folder holds; nothing where it is new. Raises `Complaint`."""
    path = folder / _CHECKPOINT
    try:
        return msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except FileNotFoundError:
        return Checkpoint()
    except (OSError, msgspec.DecodeError) as wrong:
        raise Complaint(f"{path} cannot be read ({wrong}); import into another folder") from None


def files_in(folder: Path) -> list[Path]:
    """The Parquet files of an import folder. Raises `Complaint` where it is none."""
    if not (folder / _CHECKPOINT).is_file():
        raise Complaint(f"{folder} holds no imported records; virt-warden audit import {folder} makes it")
    return sorted(folder.glob("host=*/day=*/*.parquet"))


def encoded(value: str | None) -> str:
    """A host's name as part of a path: what is no letter, digit, dot, dash or line below is written as %XX."""
    if not value:
        return NOWHERE
    spelled = re.sub(
        rb"[^A-Za-z0-9._-]",
        lambda each: b"%%%02X" % each[0][0],
        value.encode("utf-8", "surrogateescape"),
    ).decode("ascii")
    if len(spelled) <= _LONGEST:
        return spelled
    return f"{spelled[: _LONGEST - 17]}~{sha256(value.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _require_own(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
        raise Complaint(f"{folder} can be written by others; import into a folder that only you can write to")


def _made(folder: Path) -> set[Path]:
    """Make a folder two below the store's; what of it and above is new or will have a new entry."""
    changed = {folder}
    for each in (folder.parent, folder):
        if not each.is_dir():
            each.mkdir(mode=0o700)
            changed |= {each, each.parent}
    return changed


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
