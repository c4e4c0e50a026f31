"""Finds the records of one event in a log file of any size without reading it: logs are in the order of time, nearly.

An event with its time is found by halving. A serial alone comes again after every boot, so the file is sampled, and the
gaps between samples are searched in which it can lie. The order is never trusted further than that: what is not found
where it ought to be is looked for everywhere. Imports next to nothing, because it takes less time than an import.
"""

from __future__ import annotations

import os
from itertools import pairwise

STEP = 1 << 20
"""How far apart the samples are, in bytes."""
SPAN = 112 * 1024
"""How far apart the records of one event may stand, in bytes. The kernel writes them within milliseconds."""

_SLACK = 256  # serials by which neighbours may be out of order
_NEAR, _FAR = 1 << 20, 16 << 20  # how far behind its time a record is looked for: it is stamped when a call begins
_HEAD = 384  # within which a record's stamp ends
_PIECES = (1024, 16 * 1024, 512 * 1024)  # what is read for a sample; the larger where the smaller has no record
_CHUNK = 1 << 20
_FINER = 16  # a gap is sampled again, so much finer
_MANY = 16 << 20  # bytes from where on a faster search is worth its import

Stamp = tuple[bytes, bytes]  # the node, as the line begins, or empty; `(time:serial)`


class Wanted:
    """The event that is looked for; without `millis` any of that serial, without `node` of whichever host. `host` is
    whose the records are that name no node."""

    __slots__ = ("host", "millis", "node", "serial")

    def __init__(self, serial: int, millis: int | None = None, node: str | None = None, host: str = "") -> None:
        self.serial = serial
        self.millis = millis
        self.node = node
        self.host = host

    def is_it(self, stamp: Stamp) -> bool:
        """Whether an event is the one."""
        found = parsed(stamp[1], 1)
        if found is None or found[1] != self.serial or self.millis not in (None, found[0]):
            return False
        if self.node is None or (not stamp[0] and self.node == self.host):
            return True
        return stamp[0] == b"node=%s " % self.node.encode("utf-8", "surrogateescape")


class Text:
    """A file that is read at any place. The step and the span are smaller only in tests."""

    __slots__ = ("fd", "size", "span", "step")

    def __init__(self, fd: int, step: int = STEP, span: int = SPAN) -> None:
        self.fd = fd
        self.size = os.fstat(fd).st_size
        self.step = step
        self.span = span

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to stop, as far as there are any. Raises OSError."""
        start = max(start, 0)
        return os.pread(self.fd, max(min(stop, self.size) - start, 0), start)


Events = dict[Stamp, dict[int, bytes]]
"""The records of events, by where they begin in the file."""


def find(text: Text, wanted: Wanted) -> list[list[bytes]]:
    """The records of every event that is wanted, in the order of the file."""
    events = _by_serial(text, wanted) if wanted.millis is None else _by_time(text, wanted, wanted.millis)
    return ordered(events or _within(text, wanted, [(0, text.size)]))


def ordered(events: Events) -> list[list[bytes]]:
    """The records of each event in their order, the events in that of their first records."""
    return [[lines[at] for at in sorted(lines)] for lines in sorted(events.values(), key=min)]


def span_of(text: Text) -> tuple[int, int] | None:
    """The times of the first records and of the last ones, in milliseconds; None where there is none."""
    first, last = _sample(text, 0), _last(text)
    return None if first is None or last is None else (first[0], last[0])


def parsed(text: bytes, start: int) -> tuple[int, int] | None:
    """The time in milliseconds and the serial of a stamp whose digits begin at `start`; None where it is none."""
    end = text.find(b")", start, start + 48)
    seconds, _, rest = text[start:end].partition(b".")
    millis, _, serial = rest.partition(b":")
    if end < 0 or len(millis) != 3 or not (seconds.isdigit() and millis.isdigit() and serial.isdigit()):
        return None
    return int(seconds) * 1000 + int(millis), int(serial)


def _by_time(text: Text, wanted: Wanted, millis: int) -> Events:
    """Halves the file until the place is near where what was written is as late as what is wanted."""
    low, high = 0, text.size
    while high - low > text.step // 16:
        middle = (low + high) // 2
        sample = _sample(text, middle)
        if sample is not None and sample[0] < millis:
            low = middle
        else:
            high = middle
    for before, behind in ((text.span, _NEAR), (_FAR, _FAR)):
        events = _within(text, wanted, [(low - before, high + behind)])
        if events:
            return events
    return {}


def _by_serial(text: Text, wanted: Wanted) -> Events:
    """Searches the gaps between samples in which the serial can lie; all, where the file is in no order."""
    step = max(text.step, text.size >> 9)
    places = _sampled(text, 0, text.size, step)
    rises = sorted(after[1] - before[1] for before, after in pairwise(places))
    if sum(rise < 0 for rise in rises) > 64 + len(places) // 16:
        return {}
    usual = rises[len(rises) // 2] if rises else 0
    ranges: list[tuple[int, int]] = []
    for start, stop in _gaps(places, text.size, wanted.serial, usual):
        finer = _sampled(text, start, stop, step // _FINER)
        ranges += _gaps(finer, stop, wanted.serial, usual // _FINER)
    return _within(text, wanted, [(start - text.span, stop + text.span) for start, stop in ranges])


def _sampled(text: Text, start: int, stop: int, step: int) -> list[tuple[int, int]]:
    """Offsets from start to stop, and the serials of the records that begin there."""
    found: list[tuple[int, int]] = []
    for offset in (*range(start, stop, step), stop):
        sample = _sample(text, offset, 1) if offset < text.size else _last(text)
        if sample is not None and sample[1] >= 0:
            found.append((offset, sample[1]))
    return found


def _gaps(places: list[tuple[int, int]], end: int, serial: int, usual: int) -> list[tuple[int, int]]:
    """Between which offsets the serial can lie. A gap in which serials rise less than they usually do may hide a boot,
    and so may one whose first serials are small. What is not between samples may hold anything."""
    if not places:
        return [(0, end)]
    found: list[tuple[int, int]] = []
    for (start, least), (stop, most) in pairwise(places):
        lies_between = least - _SLACK <= serial <= most + _SLACK
        may_hide = most - least < usual // 2 or (least <= usual and serial <= most)
        if lies_between or may_hide:
            found.append((start, stop))
    return [*found, (places[-1][0], end)] if places[-1][0] < end else found


def _last(text: Text) -> tuple[int, int] | None:
    """The latest time and the highest serial of the last records."""
    tail = text.read(text.size - _PIECES[1], text.size)
    found = _stamps(tail, 0 if text.size <= len(tail) else tail.find(b"\n") + 1, len(tail))
    return (max(stamp[0] for stamp in found), max(stamp[1] for stamp in found)) if found else None


def _sample(text: Text, offset: int, most: int = 8) -> tuple[int, int] | None:
    """The latest time and the highest serial of some records behind an offset; -1 where only the daemon's own, which
    have serials of another count, are there. None where there are no records at all."""
    for length in _PIECES:
        piece = text.read(offset, offset + length)
        found = _stamps(piece, piece.find(b"\n") + 1 if offset else 0, most)
        if found:
            return max(stamp[0] for stamp in found), max(stamp[1] for stamp in found)
    return None


def _stamps(piece: bytes, start: int, most: int) -> list[tuple[int, int]]:
    """The stamps of the first records that begin in a piece at `start` or later."""
    found: list[tuple[int, int]] = []
    while True:
        at = piece.find(b" msg=audit(", start, start + _HEAD)
        newline = piece.find(b"\n", start)
        stamp = parsed(piece, at + 11) if 0 <= at < (newline if newline >= 0 else len(piece)) else None
        if stamp is not None:
            found.append(stamp if piece.find(b"type=DAEMON_", start, at) < 0 else (stamp[0], -1))
        if newline < 0 or len(found) == most:
            return found
        start = newline + 1


def _within(text: Text, wanted: Wanted, ranges: list[tuple[int, int]]) -> Events:
    """The wanted events of which a record lies in one of the ranges; they are in order."""
    events: Events = {}
    done = 0
    for start, stop in ranges:
        for at in _hits(text, b":%d)" % wanted.serial, max(start, done), min(stop, text.size)):
            begin, stamp = _record_at(text, at)
            if stamp is not None and wanted.is_it(stamp) and begin not in events.get(stamp, ()):
                events.setdefault(stamp, {}).update(_gathered(text, stamp, begin))
        done = max(done, stop)
    return events


def _hits(text: Text, needle: bytes, start: int, stop: int) -> list[int]:
    """Where the needle lies."""
    find = _finder(needle, stop - start)
    found: list[int] = []
    while start < stop:
        piece = text.read(start, min(start + _CHUNK, stop) + len(needle) - 1)
        if not piece:
            break
        found += [start + at for at in find(piece)]
        start += _CHUNK
    return found


def _finder(needle: bytes, length: int):  # type: ignore[no-untyped-def]  # the type would take an import
    """A function that gives where the needle lies in a piece."""
    if length > _MANY:
        from virtwarden.events.marks import searching  # noqa: PLC0415

        return searching((needle,))
    return lambda piece: _found(piece, needle)


def _found(piece: bytes, needle: bytes) -> list[int]:
    found: list[int] = []
    at = piece.find(needle)
    while at >= 0:
        found.append(at)
        at = piece.find(needle, at + 1)
    return found


def _record_at(text: Text, at: int) -> tuple[int, Stamp | None]:
    """Where the record begins whose serial is at a place, and its stamp; None where that is no record's head."""
    floor = max(at - _HEAD, 0)
    piece = text.read(floor, at + 32)
    begin = piece.rfind(b"\n", 0, at - floor) + 1
    stamp = head(piece, begin)
    if stamp is None or (begin == 0 and floor > 0):
        return 0, None
    is_its_head = piece.find(b")", at - floor) == piece.find(stamp[1], begin) + len(stamp[1]) - 1
    return floor + begin, stamp if is_its_head else None


def head(piece: bytes, begin: int) -> Stamp | None:
    """The stamp of the record that begins at a place; None where there is none."""
    opening = piece.find(b" msg=audit(", begin, begin + _HEAD)
    kind = piece.find(b"type=", begin, opening) if opening >= 0 else -1
    if kind < 0 or parsed(piece, opening + 11) is None or b"\n" in piece[begin:opening]:
        return None
    return piece[begin:kind], piece[opening + 10 : piece.find(b")", opening) + 1]


def _gathered(text: Text, stamp: Stamp, begin: int) -> dict[int, bytes]:
    """The records with a stamp, near one of them, by where they begin."""
    floor = max(begin - text.span, 0)
    piece = text.read(floor, begin + text.span)
    found: dict[int, bytes] = {}
    for at in _found(piece, b" msg=audit" + stamp[1]):
        start = piece.rfind(b"\n", 0, at) + 1
        if (start == 0 and floor > 0) or head(piece, start) != stamp:
            continue
        stop = piece.find(b"\n", at)
        found[floor + start] = piece[start:stop] if stop >= 0 else _line(text, floor + start)
    return found


def _line(text: Text, begin: int) -> bytes:
    """A whole line, however long."""
    length = 64 * 1024
    while True:
        piece = text.read(begin, begin + length)
        stop = piece.find(b"\n")
        if stop >= 0 or len(piece) < length:
            return piece[:stop] if stop >= 0 else piece
        length *= 2
