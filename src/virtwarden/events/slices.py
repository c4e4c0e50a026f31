"""A large file as windows of whole lines, read and searched in two places at once.

A slice's lines are those that begin in it; each is read with what stands around it, so that no slice needs another.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

from virtwarden.events.ahead import Ahead
from virtwarden.events.blocks import CACHED, CONTEXT, LONGEST, NEWLINE, PAGE, Search, Window, look, note_foreign
from virtwarden.events.logs import Log, LogError
from virtwarden.events.model import Skipped
from virtwarden.events.unpacking import LONGEST_MAGIC, unpacker

SLICE = 4 * 1024 * 1024
_LARGE = 4 * SLICE
_THREADS = 2
_BEFORE = CONTEXT + PAGE
_AROUND = _BEFORE + LONGEST + CONTEXT + 2 * CACHED


def windows(
    log: Log, skipped: Skipped, search: Search, size: int = SLICE, large: int = _LARGE
) -> Iterator[Window] | None:
    """The windows of a file that is large and not compressed; None of any other. Raises `LogError`."""
    try:
        known = os.stat(log.path)
        if not stat.S_ISREG(known.st_mode) or known.st_size < large:
            return None
        raw = log.open()
        if unpacker(os.pread(raw.fileno(), LONGEST_MAGIC, 0)) is not None:
            raw.close()
            return None
    except OSError as refused:
        raise LogError(f"{log.path} cannot be read: {refused.strerror}") from None
    return _alternating(_Slices(raw, log, known.st_size, size, search), skipped)


def _alternating(slices: _Slices, skipped: Skipped) -> Iterator[Window]:
    with ExitStack() as stack:
        threads = [stack.enter_context(slices.every(_THREADS, first)) for first in range(_THREADS)]
        for number in range(slices.count):
            thread = threads[number % _THREADS]
            window, too_long, torn = thread.next()
            if not number:
                with memoryview(window.text) as text:
                    note_foreign(text[: min(window.limit, CACHED)], slices.name, skipped)
            skipped.too_long += too_long
            skipped.torn += torn
            if window.start < window.stop:
                yield window
            thread.give_back(window.text)


_Read = tuple[Window, int, int]
"""A window, how many lines of it are too long, and whether the last one has no end."""


class _Slices:
    def __init__(self, file: BinaryIO, log: Log, length: int, size: int, search: Search) -> None:
        self._file = file
        self._log = log
        self._length = length
        self._size = size
        self._search = search
        self.count = -(-length // size)
        self.name = log.path

    def every(self, step: int, first: int) -> Ahead[_Read]:
        """A thread that reads one of so many slices, from the first on."""
        numbers = iter(range(first, self.count, step))

        def fill(text: mmap.mmap) -> _Read | None:
            number = next(numbers, None)
            return None if number is None else self._slice(number, text)

        return Ahead(fill, [mmap.mmap(-1, self._size + _AROUND) for _ in range(2)])

    def _slice(self, number: int, text: mmap.mmap) -> _Read:
        begin, end = number * self._size, min((number + 1) * self._size, self._length)
        base = max(begin - _BEFORE, 0)
        reading = _Reading(self, text, base)
        stop = reading.to(end)
        torn = too_long = 0
        if base + stop < end or end == self._length:  # the end, or somebody made the file shorter meanwhile
            if stop and text[stop - 1] != NEWLINE:
                torn, text[stop] = 1, NEWLINE
                stop = reading.held = stop + 1
        else:
            stop = self._last_line(reading, end)
            if not stop:
                too_long, stop = 1, text.rfind(b"\n", 0, end - base) + 1
        start = begin - base
        if begin:
            start = text.find(b"\n", start - 1, stop) + 1 or stop
        return (
            Window(text, start, max(start, stop), reading.held, reading.places, self._log.host, base),
            too_long,
            torn,
        )

    def _last_line(self, reading: _Reading, end: int) -> int:
        """Where the last line ends that begins before `end`, with what stands behind it read; 0 if it is too long."""
        for more in (CACHED, LONGEST):
            limit = reading.to(end + more + CONTEXT)
            is_over = limit < end + more + CONTEXT - reading.base
            last = limit if is_over else end - reading.base + more
            newline = reading.text.find(b"\n", end - reading.base - 1, last)
            if newline >= 0:
                return newline + 1
            if is_over:  # the file ends with this line, and without a newline
                reading.text[limit] = NEWLINE
                reading.held = limit + 1
                return limit + 1
        return 0

    def read(self, view: memoryview, position: int, places: list[int], held: int) -> int:
        """Read into `view` at `held` what the file has at `position`, and search it; how much that was."""
        try:
            got = os.preadv(self._file.fileno(), [view[held : held + CACHED]], position)
        except OSError as refused:
            raise LogError(f"{self._log.path} cannot be read: {refused.strerror}") from None
        got = min(got, max(self._length - position, 0))
        if got:
            look(self._search, view, held, held + got, places)
        return got


class _Reading:
    """A buffer that is filled with what the file has from `base` on."""

    def __init__(self, slices: _Slices, text: mmap.mmap, base: int) -> None:
        self._slices = slices
        self.text = text
        self.base = base
        self.held = 0
        self.places: list[int] = []

    def to(self, position: int) -> int:
        """Read up to there, or a little further, or to the end; how much is held now."""
        with memoryview(self.text) as view:
            while self.base + self.held < position:
                got = self._slices.read(view, self.base + self.held, self.places, self.held)
                if not got:
                    break
                self.held += got
        return self.held
