"""Logs to events and sessions: what is found in a log is read, put in order, host by host, and tracked."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from virtwarden.events.blocks import BLOCK, Around, windows
from virtwarden.events.coming import Coming
from virtwarden.events.logs import Log, find
from virtwarden.events.marks import BRIEF, GUESTS, LIVES, lines, searching
from virtwarden.events.model import Event, Session, Skipped
from virtwarden.events.order import Order, Placed
from virtwarden.events.records import Around as Nearby
from virtwarden.events.records import Records
from virtwarden.events.ties import Ties, Untied
from virtwarden.events.tracker import Tracker
from virtwarden.formats import Malformed


def sessions(paths: Iterable[str], skipped: Skipped, block: int = BLOCK) -> Iterator[Session]:
    """The sessions of every guest, in the order in which they ended. Raises `LogError`."""
    return _sessions(find(paths), LIVES, skipped, block)


def brief_sessions(paths: Iterable[str], skipped: Skipped, block: int = BLOCK) -> Iterator[Session]:
    """The same without labels, in half the time: starts and stops are read, and not what comes before a start. So a
    start of which neither success nor failure is told is none. Raises `LogError`."""
    return _sessions(find(paths), BRIEF, skipped, block)


def _sessions(logs: list[Log], marks: tuple[bytes, ...], skipped: Skipped, block: int) -> Iterator[Session]:
    return chain.from_iterable(_lived(logs, marks, skipped, block))


def _lived(logs: list[Log], marks: tuple[bytes, ...], skipped: Skipped, block: int) -> Iterator[list[Session]]:
    hosts: dict[str, _Host] = {}
    for host, ready in _placed(logs, hosts, marks, skipped, block):
        yield host.tracker.sessions(ready)
    for host in hosts.values():
        yield host.tracker.sessions(host.order.rest())
        host.tracker.finish()
        yield host.tracker.closed


def events(paths: Iterable[str], skipped: Skipped, block: int = BLOCK) -> Iterator[Event]:
    """Every event of guests and hosts, for each host in the kernel's order. Denials and anomalies that are about no
    guest have no session. Raises `LogError`."""
    return chain.from_iterable(_events(find(paths), skipped, block))


def _events(logs: list[Log], skipped: Skipped, block: int) -> Iterator[list[Event]]:
    hosts: dict[str, _Host] = {}
    for host, ready in _placed(logs, hosts, GUESTS, skipped, block):
        yield _told(host.tracker, ready)
    left = [_told(host.tracker, host.order.rest()) for host in hosts.values()]
    yield left[0] if len(left) == 1 else list(heapq.merge(*left, key=_time))


def _told(tracker: Tracker, ready: Iterable[Placed]) -> list[Event]:
    take = tracker.take
    told = [event for placed in ready if (event := take(placed)) is not None]
    tracker.closed.clear()
    return told


def told(paths: Iterable[str], skipped: Skipped, block: int = BLOCK) -> Iterator[Event | Session]:
    """Every event, and behind the one that ends it each session, in one pass. Raises `LogError`."""
    return told_by(find(paths), GUESTS, skipped, block)


def lives(paths: Iterable[str], skipped: Skipped, block: int = BLOCK) -> Iterator[Event | Session]:
    """The same for what begins and ends sessions only, which takes a fraction of the time. Raises `LogError`."""
    return told_by(find(paths), LIVES, skipped, block)


class _Host(NamedTuple):
    order: Order
    tracker: Tracker


def told_by(logs: list[Log], marks: tuple[bytes, ...], skipped: Skipped, block: int) -> Iterator[Event | Session]:
    """What the records with these marks tell. Raises `LogError`."""
    hosts: dict[str, _Host] = {}
    for host, ready in _placed(logs, hosts, marks, skipped, block):
        yield from _taken(host.tracker, ready)
    yield from heapq.merge(*(_taken(host.tracker, host.order.rest()) for host in hosts.values()), key=_time)
    for host in hosts.values():
        host.tracker.finish()
        yield from host.tracker.closed


def _taken(tracker: Tracker, ready: Iterable[Placed]) -> Iterator[Event | Session]:
    take, closed = tracker.take, tracker.closed
    for placed in ready:
        event = take(placed)
        if event is not None:
            yield event
        if closed:
            yield from closed
            closed.clear()


def _time(each: Event | Session) -> int:
    return each.id.millis if isinstance(each, Event) else each.ended or 0


def _placed(
    logs: list[Log], hosts: dict[str, _Host], marks: tuple[bytes, ...], skipped: Skipped, block: int
) -> Iterator[tuple[_Host, list[Placed]]]:
    search, records, ties = searching(marks), Records(), Ties if marks is GUESTS else Untied
    for window in windows(logs, skipped, block, search):
        text, around = window.text, Around(window)
        for begin, end in lines(window, skipped):
            around.begin, around.end = begin, end
            line = text[begin:end]
            try:
                record = records.read(line, window.host, around)
            except Malformed:
                skipped.malformed += 1
                skipped.bytes += len(line)
                continue
            if record is None:
                continue
            host = hosts.get(record.host)
            if host is None:
                host = hosts[record.host] = _Host(Order(skipped), Tracker(record.host, skipped, ties))
            ready = host.order.put(record, line)
            if ready:
                yield host, ready


class Following:
    """Events as their lines arrive, of logs that are still written."""

    def __init__(self, skipped: Skipped) -> None:
        self._skipped = skipped
        self._records = Records()
        self._marked = searching(GUESTS)
        self._hosts: dict[str, _Host] = {}
        self._coming: dict[str, Coming] = {}

    def take(self, line: bytes, host: str = "") -> list[Event]:
        """Take a line without its newline, whatever it tells of; what is in order by now. Most waits for `quiet`."""
        coming = self._coming.get(host)
        if coming is None:
            coming = self._coming[host] = Coming()
        return self._read(coming.put(line), host, coming)

    def read(self, line: bytes, host: str, around: Nearby) -> list[Event]:
        """Take a line of which it is known what stands around it; what is in order by now."""
        try:
            record = self._records.read(line, host, around)
        except Malformed:
            self._skipped.malformed += 1
            self._skipped.bytes += len(line)
            return []
        if record is None:
            return []
        found = self._hosts.get(record.host)
        if found is None:
            found = self._hosts[record.host] = _Host(Order(self._skipped), Tracker(record.host, self._skipped))
        return _told(found.tracker, found.order.put(record, line))

    def quiet(self) -> list[Event]:
        """What waited; to be asked for when nothing has come for a while."""
        told = [event for host, each in self._coming.items() for event in self._read(each.rest(), host, each)]
        for found in self._hosts.values():
            told += _told(found.tracker, found.order.rest())
        return told

    def _read(self, lines: Iterable[bytes], host: str, coming: Coming) -> list[Event]:
        marked = self._marked
        return [event for line in lines if marked(memoryview(line)) for event in self.read(line, host, coming)]
