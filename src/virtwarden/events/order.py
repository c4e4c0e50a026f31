"""Puts the records of a host in the order in which the kernel made them.

The kernel numbers its records from 1 at every boot, and auditd writes them nearly in that order; clocks jump, so
numbers count and times only help to tell one boot from the next. auditd's own DAEMON records have numbers of their own and stay
where they stand. A record that comes again, from an overlapping copy of a log, is left out.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from virtwarden.events.model import Event, EventId, HostEvent, Kind, Skipped
from virtwarden.events.records import CommandPart

_WAITING = 512
"""How many records wait until they are taken to be in order; counted, not timed, so that every run does the same."""
_REBOOT = 1000
"""The least milliseconds that a reboot takes; CPUs number and stamp records with less between them."""
_RECENT = 4 * _WAITING
_PAGE = 16

Placed = tuple[int, int, int, Event | CommandPart]
"""The boot, the number within it, the order of arrival, the record."""


class _Boot:
    """One boot: which numbers it has seen, and the times between which they lie."""

    __slots__ = ("booted", "first", "last", "number", "seen", "serial")

    def __init__(self, number: int, millis: int) -> None:
        self.number = number
        self.serial = 0
        self.first = self.last = millis
        self.booted = False
        self.seen: dict[int, bytearray] = {}

    def marked(self, serial: int) -> bool:
        """Whether this number was here before; it is marked now."""
        page = self.seen.get(serial >> _PAGE)
        if page is None:
            page = self.seen[serial >> _PAGE] = bytearray(1 << (_PAGE - 3))
        at, bit = (serial & 0xFFFF) >> 3, 1 << (serial & 7)
        before = page[at] & bit
        page[at] |= bit
        return bool(before)


class Order:
    """The records of one host, put in order."""

    __slots__ = ("_arrived", "_boots", "_daemon", "_recent", "_skipped", "_waiting")

    def __init__(self, skipped: Skipped) -> None:
        self._skipped = skipped
        self._boots: list[_Boot] = []
        self._waiting: list[Placed] = []
        self._recent: dict[tuple[EventId, int], None] = {}
        self._arrived = 0
        self._daemon = False

    def put(self, record: Event | CommandPart, line: bytes) -> list[Placed]:
        """Take a record; what is in order by now, mostly nothing."""
        id_ = record.id
        key = (id_, hash(line))
        if key in self._recent:
            self._skipped.repeated += 1
            return []
        self._recent[key] = None
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        placed = self._placed(record, id_)
        if placed is None:
            return []
        waiting = self._waiting
        if not waiting or placed[:3] > waiting[-1][:3]:
            waiting.append(placed)
        else:
            insort(waiting, placed, key=lambda each: each[:3])
        if len(waiting) < 2 * _WAITING:
            return []
        ready = waiting[:_WAITING]
        del waiting[:_WAITING]
        return ready

    def rest(self) -> Iterator[Placed]:
        """All that still waits."""
        waiting, self._waiting = self._waiting, []
        yield from waiting

    def _placed(self, record: Event | CommandPart, id_: EventId) -> Placed | None:
        self._arrived += 1
        if isinstance(record, Event) and record.kind is Kind.AUDIT:
            assert isinstance(record.detail, HostEvent)
            self._daemon = self._daemon or record.detail.type == "DAEMON_START"
            boot = self._boots[-1] if self._boots else self._new(id_)
            return boot.number, boot.serial, self._arrived, record
        boot = self._boot_of(record, id_)
        if boot.marked(id_.serial) and self._is_old(boot, id_):
            self._skipped.repeated += 1
            return None
        boot.serial = max(boot.serial, id_.serial)
        boot.first, boot.last = min(boot.first, id_.millis), max(boot.last, id_.millis)
        return boot.number, id_.serial, self._arrived, record

    def _is_old(self, boot: _Boot, id_: EventId) -> bool:
        """Whether a number that was here before is a repetition; the records of one event share theirs, and then lie
        close together."""
        return not self._waiting or (boot.number, id_.serial) < self._waiting[0][:2]

    def _boot_of(self, record: Event | CommandPart, id_: EventId) -> _Boot:
        daemon, self._daemon = self._daemon, False
        if not self._boots:
            return self._begun(record, self._new(id_))
        now = self._boots[-1]
        is_boot = isinstance(record, Event) and record.kind is Kind.BOOT
        if is_boot and (now.booted or id_.serial > now.serial) and not self._was_here(id_):
            fresh = now.booted or now.number == self._boots[0].number
            return self._begun(record, self._new(id_) if fresh else now)
        if id_.serial >= now.serial:
            return self._begun(record, now)
        if id_.millis > now.last + _REBOOT:
            return self._begun(record, self._new(id_))
        earlier = self._earlier(id_)
        if earlier is not None:
            return earlier
        if (daemon or is_boot) and now.serial - id_.serial > 1:
            return self._begun(record, self._new(id_))
        return now

    def _was_here(self, id_: EventId) -> bool:
        boot = self._earlier(id_)
        page = None if boot is None else boot.seen.get(id_.serial >> _PAGE)
        return page is not None and bool(page[(id_.serial & 0xFFFF) >> 3] & 1 << (id_.serial & 7))

    def _earlier(self, id_: EventId) -> _Boot | None:
        """The boot in whose time and numbers a late record lies."""
        return next(
            (
                boot for boot in reversed(self._boots)
                if boot.first <= id_.millis <= boot.last and id_.serial <= boot.serial
            ),
            None,
        )  # fmt: skip

    def _begun(self, record: Event | CommandPart, boot: _Boot) -> _Boot:
        boot.booted = boot.booted or (isinstance(record, Event) and record.kind is Kind.BOOT)
        return boot

    def _new(self, id_: EventId) -> _Boot:
        boot = _Boot(len(self._boots), id_.millis)
        self._boots.append(boot)
        return boot
