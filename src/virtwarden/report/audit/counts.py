"""What happened, counted by host and guest while events and sessions go by.

What auvirt's summary counts is here too: starts, stops, resource assignments, denials, anomalies, failed operations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from virtwarden.events.model import Denial, Ending, Event, Kind, Resource, Session
from virtwarden.events.times import Window
from virtwarden.report.audit.wording import BADLY

_OPERATIONS = (Kind.START, Kind.STOP, Kind.INIT, Kind.IDENTITY, Kind.RESOURCE)


@dataclass(slots=True)
class GuestCounts:
    """What became of one guest. Times are milliseconds since 1970; `ran` is how long it ran in all, as far as that is
    known and lies in the window."""

    guest: str
    uuid: str
    sessions: int = 0
    running: int = 0
    failed_starts: int = 0
    ended_badly: int = 0
    ran: int = 0
    denials: int = 0
    anomalies: int = 0
    failed: int = 0
    last_start: int | None = None
    last_end: int | None = None
    last_ending: Ending | None = None


@dataclass(slots=True)
class HostCounts:
    """What happened on one host; `strangers` are denials that concern no guest."""

    host: str
    boots: int = 0
    shutdowns: int = 0
    starts: int = 0
    stops: int = 0
    resources: int = 0
    failed: int = 0
    strangers: int = 0
    guests: dict[str, GuestCounts] = field(default_factory=dict)

    def total(self, name: str) -> int:
        """One of the guests' counts, summed up."""
        return sum(getattr(guest, name) for guest in self.guests.values())

    def guest(self, name: str, uuid: str) -> GuestCounts:
        """The counts of a guest."""
        if uuid not in self.guests:
            self.guests[uuid] = GuestCounts(name, uuid)
        return self.guests[uuid]


class Counts:
    """Takes events and sessions in; `start` and `stop` are what the window or else the log reaches from and to."""

    def __init__(self, window: Window, extent: tuple[int | None, int | None]) -> None:
        self._window = window
        self.start = extent[0] if window.start is None else window.start
        self.stop = extent[1] if window.end is None else window.end
        self._first, self._last = extent
        self.hosts: dict[str, HostCounts] = {}
        self._open: list[tuple[GuestCounts, Session]] = []

    def event(self, event: Event) -> None:
        """Count an event."""
        self.reach(event.id.millis)
        host, detail = self._host(event.host), event.detail
        failed = event.kind in _OPERATIONS and not event.ok
        host.boots += event.kind is Kind.BOOT
        host.shutdowns += event.kind is Kind.SHUTDOWN
        host.starts += event.kind is Kind.START and event.ok
        host.stops += event.kind is Kind.STOP and event.ok
        host.resources += isinstance(detail, Resource) and event.ok and detail.new is not None
        host.failed += failed
        denied = isinstance(detail, Denial) and detail.denied
        if event.uuid is None:
            host.strangers += denied
            return
        guest = host.guest(event.guest or "", event.uuid)
        guest.denials += denied
        guest.anomalies += event.kind is Kind.ANOMALY
        guest.failed += failed

    def session(self, session: Session) -> None:
        """Count a session that touches the window."""
        guest = self._host(session.host).guest(session.guest, session.uuid)
        guest.guest = session.guest
        if session.ending is Ending.NOT_STARTED:
            guest.failed_starts += 1
            return
        guest.sessions += 1
        guest.running += session.ending is Ending.RUNNING
        guest.ended_badly += session.ending in BADLY
        if (session.started or 0) >= (guest.last_start or 0):
            guest.last_start, guest.last_end = session.started, session.ended
            guest.last_ending = session.ending
        for time in (session.started, session.ended):
            if time is not None and self._window.holds(time):
                self.reach(time)
        if session.started is not None and session.ended is not None:
            guest.ran += self._ran(session)
        else:
            self._open.append((guest, session))

    def close(self) -> None:
        """Add up what could not be before both ends of the log were known."""
        for guest, session in self._open:
            guest.ran += self._ran(session)
        self._open.clear()

    def _ran(self, session: Session) -> int:
        """How long it ran within the window; 0 where its end is not known."""
        ended = self._last if session.ending is Ending.RUNNING else session.ended
        started = self._first if session.started is None else session.started
        if ended is None or started is None:
            return 0
        first, last = self._window.start, self._window.end
        begin = started if first is None else max(started, first)
        end = ended if last is None else min(ended, last)
        return max(end - begin, 0)

    def reach(self, millis: int) -> None:
        """Know that the log tells of this time, whomever it tells of."""
        self._first = millis if self._first is None else min(self._first, millis)
        self._last = millis if self._last is None else max(self._last, millis)
        if self._window.start is None:
            self.start = millis if self.start is None else min(self.start, millis)
        if self._window.end is None:
            self.stop = millis if self.stop is None else max(self.stop, millis)

    def _host(self, name: str) -> HostCounts:
        if name not in self.hosts:
            self.hosts[name] = HostCounts(name)
        return self.hosts[name]
