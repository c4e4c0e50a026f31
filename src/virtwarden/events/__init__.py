"""Audit logs to what happened to guests: events, and the sessions that they make up.

    for session in sessions(["/var/log/audit"], Skipped()):
        print(session.guest, session.started, session.ending)

Logs are read in one pass with little memory, whatever their size. What could not be used is counted in `Skipped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from virtwarden.events.blocks import BLOCK, companions, windows
from virtwarden.events.logs import Log, LogError, find
from virtwarden.events.marks import GUESTS, LIVES, lines, searching
from virtwarden.events.model import Event, Session, Skipped
from virtwarden.events.order import Order, Placed
from virtwarden.events.records import Records
from virtwarden.events.tracker import Tracker
from virtwarden.formats import Malformed

__all__ = ["Event", "Following", "Log", "LogError", "Session", "Skipped", "events", "find", "sessions"]


def sessions(paths: Iterable[str], skipped: Skipped, block: int = BLOCK) -> Iterator[Session]:
    """The sessions of every guest, in the order in which they ended. Raises `LogError`."""
    hosts: dict[str, _Host] = {}
    for host, _ in _events(find(paths), hosts, LIVES, skipped, block):
        if host.tracker.closed:
            yield from host.tracker.closed
            host.tracker.closed.clear()
    for host in hosts.values():
        yield from host.tracker.closed


def events(paths: Iterable[str], skipped: Skipped, block: int = BLOCK) -> Iterator[Event]:
    """Every event of guests and hosts, for each host in the kernel's order. Denials and anomalies that are about no
    guest have no session. Raises `LogError`."""
    for host, event in _events(find(paths), {}, GUESTS, skipped, block):
        host.tracker.closed.clear()
        if event is not None:
            yield event


class _Host(NamedTuple):
    order: Order
    tracker: Tracker


def _events(
    logs: list[Log], hosts: dict[str, _Host], marks: tuple[bytes, ...], skipped: Skipped, block: int
) -> Iterator[tuple[_Host, Event | None]]:
    for host, ready in _placed(logs, hosts, marks, skipped, block):
        take = host.tracker.take
        for placed in ready:
            yield host, take(placed)
    for host in hosts.values():
        for placed in host.order.rest():
            yield host, host.tracker.take(placed)
        host.tracker.finish()


def _placed(
    logs: list[Log], hosts: dict[str, _Host], marks: tuple[bytes, ...], skipped: Skipped, block: int
) -> Iterator[tuple[_Host, list[Placed]]]:
    search, records = searching(marks), Records()
    for window in windows(logs, skipped, block):
        text = window.text
        for begin, end in lines(window, search, skipped):
            line = text[begin:end]
            try:
                record = records.read(line, window.host, lambda: companions(window, begin, end))  # noqa: B023
            except Malformed:
                skipped.malformed += 1
                skipped.bytes += len(line)
                continue
            if record is None:
                continue
            host = hosts.get(record.host)
            if host is None:
                host = hosts[record.host] = _Host(Order(skipped), Tracker(record.host, skipped))
            ready = host.order.put(record, line)
            if ready:
                yield host, ready


class Following:
    """Events as their lines arrive, of logs that are still written."""

    def __init__(self, skipped: Skipped) -> None:
        self._skipped = skipped
        self._records = Records()
        self._hosts: dict[str, _Host] = {}
        self._recent: list[bytes] = []

    def take(self, line: bytes, host: str = "") -> list[Event]:
        """Take a line without its newline; what is in order by now. Most waits for `quiet`."""
        self._recent = [*self._recent[-_NEAR:], line]
        try:
            record = self._records.read(line, host, lambda: self._around(line))
        except Malformed:
            self._skipped.malformed += 1
            return []
        if record is None:
            return []
        found = self._hosts.get(record.host)
        if found is None:
            found = self._hosts[record.host] = _Host(Order(self._skipped), Tracker(record.host, self._skipped))
        return self._taken(found, found.order.put(record, line))

    def quiet(self) -> list[Event]:
        """What waited; to be asked for when nothing has come for a while."""
        return [event for host in self._hosts.values() for event in self._taken(host, host.order.rest())]

    def _taken(self, host: _Host, ready: Iterable[Placed]) -> list[Event]:
        taken = [event for placed in ready if (event := host.tracker.take(placed)) is not None]
        host.tracker.closed.clear()
        return taken

    def _around(self, line: bytes) -> list[bytes]:
        stamp = line[line.find(b"(") : line.find(b")") + 1]
        return [each for each in self._recent if each is not line and stamp in each[:400]]


_NEAR = 200
