"""A log as windows of whole lines: memory stays the same whatever the size of the log, for files, pipes and
compressed rotations alike.

Around a window's lines other text can be looked at, because the records of one event may stand between those of
others. Reading, and searching for the lines that matter, is done ahead in other threads, a little at a time, so that
what is searched is still in the processor's cache.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from virtwarden.events.logs import STDIN, Log, LogError, Source, opened
from virtwarden.events.model import Skipped

CONTEXT = 64 * 1024
"""How far companions of a record are looked for, in bytes; the same everywhere, so that no result hangs on where a
block ended."""
LONGEST = 256 * 1024
"""The longest line that is taken for a record, in bytes; the kernel's are under 9 KiB."""
BLOCK = 1024 * 1024
CACHED = 128 * 1024
"""How much is read and searched at once."""
OVERLAP = 32
"""More than the longest mark, less one."""
PAGE = 4096
"""Copies from the kernel are several times as fast where both sides begin alike in a page (measured)."""
NEWLINE = 10

Search = Callable[[memoryview], list[int]]
"""Gives where marks are in a text, in order."""


def nothing(_: memoryview) -> list[int]:
    """Finds nothing."""
    return []


class Window(NamedTuple):
    """Whole lines to work on, `text[start:stop]`, and where the marks are that were searched for; of what stands around
    them, `CONTEXT` bytes each way can be looked at, where the log has them: `text[0:limit]`. Only good until the next
    one is asked for."""

    text: mmap.mmap
    start: int
    stop: int
    limit: int
    places: list[int]
    host: str
    base: int  # where `text` begins in the log, in bytes


def windows(
    logs: Sequence[Log], skipped: Skipped, block: int = BLOCK, search: Search = nothing
) -> Iterator[Window]:
    """The logs, one after the other, in windows; those of one host are one text. Raises `LogError`."""
    for host, group in groupby(logs, lambda log: log.host):
        several = list(group)
        if block == BLOCK and len(several) == 1 and several[0].path != STDIN:
            from virtwarden.events import slices  # noqa: PLC0415  # only for what is large

            whole = slices.windows(several[0], skipped, search)
            if whole is not None:
                yield from whole
                continue
        yield from _in_order(_Filler(_Chained(several, skipped), block, search), skipped, host)


def _in_order(filler: _Filler, skipped: Skipped, host: str) -> Iterator[Window]:
    for filled in _filled(filler):
        start = filled.start
        if filled.skipping:
            start = filled.text.find(b"\n", start, filled.stop) + 1 or filled.stop
            skipped.bytes += start - filled.start
            skipped.too_long += start < filled.stop or not filled.cut
        elif filled.cut:
            skipped.bytes += filled.stop - filled.text.rfind(b"\n", start, filled.stop) - 1
        if start < filled.stop:
            yield Window(filled.text, start, filled.stop, filled.limit, filled.places, host, filled.base)


class _Filled(NamedTuple):
    text: mmap.mmap
    start: int
    stop: int
    limit: int
    places: list[int]
    skipping: bool  # the lines begin in the midst of one that is too long
    cut: bool  # and so will the next ones
    last: bool
    base: int


def _filled(filler: _Filler) -> Iterator[_Filled]:
    filled = filler.fill(None, mmap.mmap(-1, filler.room))
    yield filled
    if filled.last:
        return
    from virtwarden.events.ahead import Ahead  # noqa: PLC0415  # most logs fit into one block

    texts = [mmap.mmap(-1, filler.room) for _ in range(2)]
    with Ahead(filler.following(filled), texts) as ahead:
        while not filled.last:
            following = ahead.next()
            ahead.give_back(filled.text)
            filled = following
            yield filled


class _Filler:
    """Fills one buffer after the other, with what is still needed of the one before at the front."""

    def __init__(self, source: _Chained, block: int, search: Search) -> None:
        self._source = source
        self._block = block
        self._search = search
        self.room = 2 * CONTEXT + LONGEST + 2 * block + PAGE + 2

    def following(self, filled: _Filled) -> Callable[[mmap.mmap], _Filled | None]:
        """What fills a buffer with what comes next, and gives None at the end."""
        before = filled

        def fill(text: mmap.mmap) -> _Filled | None:
            nonlocal before
            if before.last:
                return None
            before = self.fill(before, text)
            return before

        return fill

    def fill(self, before: _Filled | None, text: mmap.mmap) -> _Filled:
        """The next window, read into `text`."""
        held = start = base = 0
        places: list[int] = []
        if before is not None:
            floor = max(before.stop - CONTEXT - 1, 0)  # nothing but the log itself begins at 0
            floor = max(floor - (floor - before.limit) % PAGE, 0)
            start, held, base = before.stop - floor, before.limit - floor, before.base + floor
            text[:held] = before.text[floor : before.limit]
            places = [place - floor for place in before.places if place >= before.stop]
        limit = self._read(text, held, places)
        over = limit < held + self._block
        stop = limit if over else _stop(text, start, limit)
        skipping = before is not None and before.cut
        cut = text[stop - 1] != NEWLINE if stop > start else skipping and not over
        return _Filled(text, start, stop, limit, places, skipping, cut, over, base)

    def _read(self, text: mmap.mmap, held: int, places: list[int]) -> int:
        end = held + self._block
        with memoryview(text) as view:
            while held < end and (got := self._source.readinto(view[held : min(held + CACHED, end)])):
                look(self._search, view, held, held + got, places)
                held += got
        return held


def look(search: Search, view: memoryview, start: int, stop: int, places: list[int]) -> None:
    """Search what was just read, and add what is found; a mark may begin in what was read before."""
    start = max(start - OVERLAP, 0)
    last = places[-1] if places else -1
    places += [start + at for at in search(view[start:stop]) if start + at > last]


def _stop(text: mmap.mmap, start: int, limit: int) -> int:
    """Where the lines end that have all their context; in the midst of a line only if that one is too long."""
    end = max(limit - CONTEXT, start)
    newline = text.rfind(b"\n", start, end)
    if newline >= 0:
        return newline + 1
    return end if end - start > LONGEST else start


class _Chained:
    """Logs as one text. A file whose last line has no end gets one."""

    def __init__(self, logs: list[Log], skipped: Skipped) -> None:
        self._left = logs[::-1]
        self._skipped = skipped
        self._source: Source | None = None
        self._name, self._is_new = "", False
        self._last = NEWLINE

    def readinto(self, buffer: memoryview) -> int:
        """As much as one read gives; 0 at the end of all. Raises `LogError`."""
        while self._source is not None or self._left:
            try:
                if self._source is None:
                    log = self._left.pop()
                    self._name, self._is_new = log.path, True
                    self._source = opened(log.open(), self._skipped, log.path)
                got = self._source.readinto(buffer)
            except OSError as refused:
                raise LogError(f"{self._name} cannot be read: {refused.strerror}") from None
            if got:
                if self._is_new and got >= _ENOUGH:
                    self._is_new = False
                    note_foreign(buffer[:got], self._name, self._skipped)
                self._last = buffer[got - 1]
                return got
            self._source = None
            if self._last != NEWLINE:
                self._skipped.torn += 1
                self._last = buffer[0] = NEWLINE
                return 1
        return 0


def note_foreign(begin: memoryview, name: str, skipped: Skipped) -> None:
    """Note what does not begin as an audit log does."""
    if b"msg=audit(" not in bytes(begin):
        skipped.damaged.append(f"{name} does not begin as an audit log does: it has no records there")


_ENOUGH = 1024


class Around:
    """What stands around a line of a window: set `begin` and `end`, then ask."""

    __slots__ = ("begin", "end", "window")

    def __init__(self, window: Window) -> None:
        self.window = window
        self.begin = self.end = window.start

    def companions(self) -> list[bytes]:
        """The other records of the event that the line is a record of. They nearly always follow at once; where they do
        not, and the record speaks of guests, they are looked for as far as `CONTEXT` allows."""
        text, begin, end, limit = self.window.text, self.begin, self.end, self.window.limit
        opening = text.find(b"(", begin, end)
        closing = text.find(b")", opening, end)
        if opening < 0 or closing < 0:
            return []
        stamp, node = text[opening : closing + 1], text[begin : text.find(b"type=", begin, end) + 5]
        found: list[bytes] = []
        at, last = end + 1, min(end + CONTEXT, limit)
        while at < last and len(found) < _EVENT and text.find(stamp, at, min(at + _HEAD, last)) >= 0:
            stop = text.find(b"\n", at, last)
            if stop < 0:
                break
            if text[at : at + len(node)] == node:
                found.append(text[at:stop])
            at = stop + 1
        line = text[begin:end]
        if any(_LAST in record[:_HEAD] for record in found) or not (b"virt" in line or b"qemu" in line):
            return found
        return [record for record in self._far(stamp) if record.startswith(node)]

    def _far(self, stamp: bytes) -> list[bytes]:
        window, begin, end = self.window, self.begin, self.end
        floor, limit = max(begin - CONTEXT, 0), min(end + CONTEXT, window.limit)
        around = window.text[floor:limit]
        found: list[bytes] = []
        at = around.find(stamp)
        while at >= 0 and len(found) < _EVENT:
            start = around.rfind(b"\n", 0, at) + 1
            stop = around.find(b"\n", at)
            whole = stop >= 0 and (start > 0 or floor == 0)
            if whole and floor + start != begin and at - start < _HEAD:
                found.append(around[start:stop])
            at = around.find(stamp, stop if stop >= 0 else len(around))
        return found

    def neighbours(self) -> tuple[bytes, bytes]:
        """The lines before and behind this one, of the same host, that are none of auditd's own; empty where there are
        none near."""
        text, begin, end = self.window.text, self.begin, self.end
        node = text[begin : text.find(b"type=", begin, end)]
        floor = max(begin - _NEAR, 0)
        before = text[floor:begin].split(b"\n")[1 if floor else 0 : -1]
        behind = text[end + 1 : min(end + 1 + _NEAR, self.window.limit)].split(b"\n")[:-1]
        kernel = (node + b"type=", node + b"type=DAEMON_")
        return _first(reversed(before), *kernel), _first(behind, *kernel)


def _first(lines: Iterable[bytes], begin: bytes, but: bytes) -> bytes:
    return next((line for line in lines if line.startswith(begin) and not line.startswith(but)), b"")


_NEAR = 16 * 1024
_HEAD = 400
_EVENT = 64  # more records than one event has
_LAST = b"type=PROCTITLE "  # the last record that the kernel writes of a system call
