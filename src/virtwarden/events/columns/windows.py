"""A log from where it was read to before, in windows of whole lines, with what tells it from other logs.

A log is known again by its first line, whatever its file is called by now and however it is compressed: no two records
of a host bear the same time and serial. What stood before the place where reading ended must stand there still.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from hashlib import sha256
from typing import BinaryIO, NamedTuple

import polars as pl

from virtwarden.events.columns.records import lines_of
from virtwarden.events.columns.store import File, Place
from virtwarden.events.logs import STDIN, Log, LogError, Source, opened
from virtwarden.events.model import Skipped

WINDOW = 8 << 20
"""Bytes that are worked on at a time; a line may be twice as long."""
_TAIL = 4096
_LEAST = 2 * _TAIL


class Tail(Enum):
    """What became of a last line without an end: more of a file may come, of a stream never."""

    NONE = auto()
    WAITS = auto()
    TAKEN = auto()


class Window(NamedTuple):
    """Whole lines, numbered, and how far the log is read with them."""

    lines: pl.DataFrame
    first_line: int
    place: Place


class Reading:
    """A log that is being read, once and forwards. Every method raises `LogError`."""

    def __init__(self, log: Log, skipped: Skipped, size: int = WINDOW) -> None:
        self._name = log.path
        self._skipped = skipped
        self._size = size
        self._raw = log.open()
        self.tail = Tail.NONE
        with self._told():
            self._source: Source = opened(self._raw, skipped, log.path)
        self._buffer = mmap.mmap(-1, max(2 * size, _LEAST))
        self._held = 0  # bytes in the buffer
        self._at = 0  # how many came before them
        self._over = False
        self._fill(1)
        with self._told():
            self.file = file_of(self._raw)
            self._plain = self.file is not None and self._begins_as_it_is()

    def _begins_as_it_is(self) -> bool:
        return os.pread(self._raw.fileno(), 6, 0) == self._buffer[: min(6, self._held)]

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        if self._name != STDIN:
            self._raw.close()

    def first_line(self) -> bytes:
        """The first line, empty where it has no end yet; to be asked before anything else."""
        sought = 0
        while (end := self._buffer.find(b"\n", sought, self._held)) < 0:
            if self._over or self._held == len(self._buffer):
                break
            sought = self._held
            self._fill(min(2 * sought, len(self._buffer)))
        if end >= 0:
            return self._buffer[: end + 1]
        return self._buffer[: self._rest() if self._over else self._held]

    def goes_on(self, place: Place) -> bool | None:
        """Whether what was read up to this place stands here too; None where the log ends before that."""
        self._skip(place.bytes - place.tail_size)
        self._fill(place.tail_size)
        if self._held < place.tail_size:
            return None
        same = sha256(self._buffer[: place.tail_size]).hexdigest() == place.tail
        self._skip(place.tail_size)
        return same

    def windows(self, place: Place) -> Iterator[Window]:
        """What stands behind this place, which is where the reading stands."""
        lines = place.lines
        while True:
            self._fill(self._size)
            end = self._buffer.rfind(b"\n", 0, self._held) + 1
            if not end and self._over:
                end = self._rest()
            if not end and self._over:
                return
            if not end:
                lines += self._skip_long_line()
                continue
            tail = self._buffer[max(end - _TAIL, 0) : end]
            first, numbered = lines + 1, lines_of(self._buffer[:end], lines + 1)
            lines += numbered.height
            self._skip(end)
            yield Window(numbered, first, Place(self._at, lines, sha256(tail).hexdigest(), len(tail)))

    def _rest(self) -> int:
        """How much of a last line without an end is taken: that of a file that is still written will get its end."""
        if self._held:
            self.tail = Tail.WAITS if self._plain else Tail.TAKEN
        return 0 if self._plain else self._held

    def _skip_long_line(self) -> int:
        self._fill(len(self._buffer))
        if self._over or self._buffer.find(b"\n", 0, self._held) >= 0:
            return 0
        before = self._at
        while (end := self._buffer.find(b"\n", 0, self._held)) < 0 and not self._over:
            self._skip(self._held)
            self._fill(1)
        self._skip(end + 1 if end >= 0 else self._held)
        self._skipped.too_long += 1
        self._skipped.bytes += self._at - before
        return 1

    def _fill(self, wanted: int) -> None:
        """Have this many bytes, unless the log ends before."""
        with memoryview(self._buffer) as view:
            while self._held < wanted and not self._over:
                with self._told():
                    got = self._source.readinto(view[self._held : max(wanted, _LEAST)])
                self._held += got or 0
                self._over = not got

    def _skip(self, count: int) -> None:
        """Be done with this many bytes; in a plain file they are not read."""
        if count > self._held and self._plain:
            with self._told():
                self._at = min(self._at + count, os.fstat(self._raw.fileno()).st_size)
                self._raw.seek(self._at)
            self._held = 0
            return
        while count > self._held and not self._over:
            count -= self._held
            self._at += self._held
            self._held = 0
            self._fill(1)
        count = min(count, self._held)
        self._buffer.move(0, count, self._held - count)
        self._held -= count
        self._at += count

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as refused:
            raise LogError(f"{_named(self._name)} cannot be read: {refused.strerror or refused}") from None


def _named(path: str) -> str:
    return "standard input" if path == STDIN else path


def file_of(raw: BinaryIO) -> File | None:
    """What an open file is, None where it is no file on disk."""
    status = os.fstat(raw.fileno())
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
