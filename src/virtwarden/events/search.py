"""Searches logs for events, as `ausearch` does, at nearly the speed at which they can be read.

What is looked for is first searched for as mere text; only the lines where it stands are taken apart, and only for
those the other records of their events are looked for, which may stand among those of other events. An event's records
are found as far as `SPAN` bytes from the first one that has what was looked for, whichever way the log is cut up.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from virtwarden.events.blocks import BLOCK, CONTEXT, OVERLAP, Window, windows
from virtwarden.events.criteria import Criterion, every_record
from virtwarden.events.logs import Log
from virtwarden.events.marks import lines, searching
from virtwarden.events.model import Skipped

SPAN = CONTEXT - 16 * 1024
"""How far apart the records of one event may stand, in bytes. The kernel writes them within milliseconds."""

_STAMP = re.compile(rb"(|node=\S{1,255} )type=\S{1,64} msg=audit(\(\d{1,11}\.\d{3}:\d{1,19}\))")
_AT_ONCE = 48  # so many patterns are searched for with vector instructions
_LEAST = 8  # but two or three are not, unless others are with them
_TAIL = 4  # what differs between stamps stands at their end; other lengths were measured to be slower


Stamp = tuple[bytes, bytes]
"""What says which event a record belongs to: its node (as the line begins, or empty) and `(time:serial)`."""


class Found(NamedTuple):
    """An event: its records as they stand in the log, in the log's order, without their ends."""

    stamp: Stamp
    records: list[bytes]


class Wanted(NamedTuple):
    """What events are looked for: all criteria must be met. Times are in milliseconds since 1970; `node` is a host."""

    criteria: tuple[Criterion, ...] = ()
    since: int | None = None
    until: int | None = None
    node: str | None = None


def search(logs: Sequence[Log], wanted: Wanted, skipped: Skipped, block: int = BLOCK) -> Iterator[Found]:
    """The events that are looked for, in the order of the first records that have it. Raises `LogError`."""
    first, *others = sorted(wanted.criteria, key=lambda each: each.rank) or [every_record()]
    find = searching(_enough(tuple(literal[:OVERLAP] for literal in first.literals)))
    seen: dict[Stamp, int] = {}
    for window in windows(logs, skipped, block, find):
        if wanted.node is None or not window.host or window.host == wanted.node or _has_nodes(window):
            hits = _hits(window, first, wanted, skipped)
            events = _new(hits, seen, window.base)
            for stamp, records in _gathered(window, events):
                if all(any(map(each.test, records)) for each in others):
                    yield Found(stamp, records)
        seen = {stamp: at for stamp, at in seen.items() if at >= window.base - SPAN}


def millis(stamp: Stamp) -> int:
    """The time of an event, in milliseconds since 1970."""
    seconds, _, rest = stamp[1][1:].partition(b".")
    return int(seconds) * 1000 + int(rest[:3])


def _stamp_at(text: mmap.mmap, begin: int, end: int) -> Stamp | None:
    """The stamp of the record that is the line `text[begin:end]`; None where it is no record."""
    found = _STAMP.match(text, begin, end)
    return (found[1], found[2]) if found else None


def _has_nodes(window: Window) -> bool:
    return window.text[window.start : window.start + 5] == b"node="


def _hits(window: Window, first: Criterion, wanted: Wanted, skipped: Skipped) -> Iterator[tuple[Stamp, int]]:
    """The records that have what is looked for first, and where they begin."""
    text = window.text
    for begin, end in lines(window, skipped):
        if not first.test(text[begin:end]):
            continue
        stamp = _stamp_at(text, begin, end)
        if stamp is None:
            skipped.malformed += 1
            skipped.bytes += end - begin
        elif _is_asked_for(stamp, window.host, wanted):
            yield stamp, begin


def _is_asked_for(stamp: Stamp, host: str, wanted: Wanted) -> bool:
    if wanted.node is not None:
        node = stamp[0][5:-1].decode("utf-8", "surrogateescape") or host
        if node != wanted.node:
            return False
    if wanted.since is not None and millis(stamp) < wanted.since:
        return False
    return wanted.until is None or millis(stamp) <= wanted.until


def _new(hits: Iterable[tuple[Stamp, int]], seen: dict[Stamp, int], base: int) -> dict[Stamp, int]:
    """The events that were not given yet, and where their first record with what is looked for begins."""
    events: dict[Stamp, int] = {}
    for stamp, begin in hits:
        before = seen.get(stamp)
        if before is None or base + begin - before > SPAN:
            seen[stamp] = base + begin
            events.setdefault(stamp, begin)
    return events


def _gathered(window: Window, events: dict[Stamp, int]) -> Iterator[tuple[Stamp, list[bytes]]]:
    """The records of each event, in the log's order."""
    stamps = list(events)
    for start in range(0, len(stamps), _AT_ONCE):
        some = {stamp: events[stamp] for stamp in stamps[start : start + _AT_ONCE]}
        yield from _gathered_at_once(window, some).items()


def _gathered_at_once(window: Window, events: dict[Stamp, int]) -> dict[Stamp, list[bytes]]:
    """The last characters of all stamps are looked for together, and the lines in which they stand are looked at."""
    text, limit = window.text, window.limit
    floor = max(min(events.values()) - SPAN, 0)
    find = searching(_enough(tuple({stamp[1][-_TAIL:] for stamp in events})))
    with memoryview(text) as whole, whole[floor : min(max(events.values()) + SPAN, limit)] as view:
        places = find(view)
    found: dict[Stamp, list[bytes]] = {stamp: [] for stamp in events}
    end = -1
    for place in places:
        place += floor  # noqa: PLW2901
        if place < end:
            continue
        begin = text.rfind(b"\n", 0, place) + 1
        head = _STAMP.match(text, begin) if begin or window.base == 0 else None
        stamp = (head[1], head[2]) if head else (b"", b"")
        at = events.get(stamp)
        if at is None:
            continue
        end = text.find(b"\n", place, limit)
        end = end if end >= 0 else limit
        if begin == at or (begin >= at - SPAN and end <= at + SPAN):
            found[stamp].append(text[begin:end])
    return found


def _enough(patterns: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The patterns with some that occur in no log, where so few are searched for in a slower way (measured)."""
    return patterns if len(patterns) == 1 else (*patterns, *_NEVER[len(patterns) :])


_NEVER = tuple(b"\0\n%d" % number for number in range(_LEAST))
