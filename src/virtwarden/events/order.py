"""Puts the records of a host in the order in which the kernel made them.

The kernel numbers its records from 1 at every boot, and auditd writes them nearly in that order; clocks jump, so
numbers count and times only help to tell one boot from the next. auditd's own DAEMON records have numbers of their own
and stay where they stand. A record that comes again, from an overlapping copy of a log, is left out.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from itertools import islice, takewhile

from virtwarden.events.model import Event, EventId, HostEvent, Kind, Skipped
from virtwarden.events.records import CommandPart

_WAITING = 256
"""How many records wait until they are taken to be in order; counted, not timed, so that every run does the same."""
_REBOOT = 1000
"""The least milliseconds that a reboot takes; CPUs number and stamp records with less between them."""
_PAGE = 12  # bits of a number within one page of marks
_EVENT = 64  # more records than one event has
_BOOTS = 64  # so many boots back a late record is looked for
_WITHIN = (1 << _PAGE) - 1
_HALF = 1 << (_PAGE - 3)  # bytes of a page for numbers, and as many for numbers with their times
_SPREAD = 2481  # odd, and its bits look like chance

Placed = tuple[int, int, int, Event | CommandPart, bytes]
"""The boot, the number within it, the order of arrival, the record and its line."""


class _Boot:
    """One boot: which numbers it has seen, and the times between which they lie."""

    __slots__ = ("booted", "first", "last", "number", "seen", "serial")

    def __init__(self, number: int, millis: int) -> None:
        self.number = number
        self.serial = -1
        self.first = self.last = millis
        self.booted: EventId | None = None
        self.seen: dict[int, bytearray] = {}

    def mark(self, serial: int, millis: int) -> None:
        """This number has been here, at this time."""
        page = self.seen.get(serial >> _PAGE)
        if page is None:
            page = self.seen[serial >> _PAGE] = bytearray(_HALF * 2)
        page[(serial & _WITHIN) >> 3] |= 1 << (serial & 7)
        told = (serial ^ millis * _SPREAD) & _WITHIN
        page[_HALF + (told >> 3)] |= 1 << (told & 7)

    def marked(self, id_: EventId) -> bool:
        """Whether this number has been here at this time. It may say so of another time, seldom."""
        page = self.seen.get(id_.serial >> _PAGE)
        if page is None or not page[(id_.serial & _WITHIN) >> 3] & 1 << (id_.serial & 7):
            return False
        told = (id_.serial ^ id_.millis * _SPREAD) & _WITHIN
        return bool(page[_HALF + (told >> 3)] & 1 << (told & 7))


_NEVER = _Boot(-1, 0)
_NEVER.serial = 1 << 64  # no record comes after it


class Order:
    """The records of one host, put in order."""

    __slots__ = (
        "_afresh",
        "_arrived",
        "_boot",
        "_booted",
        "_boots",
        "_daemon",
        "_daemons",
        "_released",
        "_skipped",
        "_waiting",
    )

    def __init__(self, skipped: Skipped) -> None:
        self._skipped = skipped
        self._boots: list[_Boot] = []
        self._boot = _NEVER  # the latest one
        self._waiting: list[Placed] = []
        self._released: list[Placed] = []  # the last lot that went
        self._booted: dict[EventId, _Boot] = {}
        self._arrived = 0
        self._daemon = self._afresh = False
        self._daemons: deque[EventId] = deque(maxlen=64)

    def put(self, record: Event | CommandPart, line: bytes) -> list[Placed]:
        """Take a record; what is in order by now, mostly nothing."""
        self._arrived += 1
        id_, waiting, boot = record.id, self._waiting, self._boot
        serial, millis = id_.serial, id_.millis
        if serial > boot.serial and millis >= boot.first and not self._daemon and record.kind not in _OF_HOSTS:
            boot.serial = serial
            boot.last = max(boot.last, millis)
            boot.mark(serial, millis)
            waiting.append((boot.number, serial, self._arrived, record, line))
        elif not self._insert(record, line):
            self._skipped.repeated += 1
        if len(waiting) < 2 * _WAITING:
            return []
        ready = self._released = waiting[:_WAITING]
        del waiting[:_WAITING]
        return ready

    def _insert(self, record: Event | CommandPart, line: bytes) -> bool:
        """Put in order what does not simply come next; False for what was here before."""
        placed = self._placed(record, line)
        if placed is None:
            return False
        insort(self._waiting, placed, key=_place)
        return True

    def rest(self) -> Iterator[Placed]:
        """All that still waits."""
        waiting, self._waiting = self._waiting, []
        self._released = [*self._released, *waiting][-_WAITING:]
        yield from waiting

    def _placed(self, record: Event | CommandPart, line: bytes) -> Placed | None:
        id_ = record.id
        if isinstance(record, Event) and record.kind is Kind.AUDIT:
            assert isinstance(record.detail, HostEvent)
            if id_ in self._daemons:
                return None
            self._daemons.append(id_)
            self._daemon = self._daemon or record.detail.type == "DAEMON_START"
            self._afresh = self._afresh or record.detail.afresh
            boot = self._boots[-1] if self._boots else self._new(id_)
            return boot.number, boot.serial, self._arrived, record, line
        boot = self._boot_of(record, line)
        place = (boot.number, id_.serial)
        is_late = bool(self._released) and place < self._released[-1][:2]
        if boot.marked(id_) and self._is_repeated(place, line):
            return None
        self._skipped.late += is_late
        boot.mark(id_.serial, id_.millis)
        boot.serial = max(boot.serial, id_.serial)
        boot.first, boot.last = min(boot.first, id_.millis), max(boot.last, id_.millis)
        return boot.number, id_.serial, self._arrived, record, line

    def _is_repeated(self, place: tuple[int, int], line: bytes) -> bool:
        """Whether a number that was here before is a repetition. The records of one event share theirs and lie close
        together, so what is no longer known is one."""
        for placed in (self._waiting, self._released):
            same = _at(placed, place)
            if same:
                return line in same
        return True

    def _is_known(self, boot: _Boot, id_: EventId, line: bytes) -> bool:
        """Whether the same line waits, or has just gone."""
        place = (boot.number, id_.serial)
        return line in _at(self._waiting, place) or line in _at(self._released, place)

    def _boot_of(self, record: Event | CommandPart, line: bytes) -> _Boot:
        id_ = record.id
        earlier = self._earlier(id_)
        if earlier is not None and earlier.marked(id_) and self._is_known(earlier, id_, line):
            return earlier
        daemon, afresh, self._daemon, self._afresh = self._daemon, self._afresh, False, False
        is_boot = isinstance(record, Event) and record.kind is Kind.BOOT
        if not self._boots:
            return self._begun(id_, is_boot, self._new(id_))
        now = self._boots[-1]
        if is_boot and id_ in self._booted:
            return self._booted[id_]
        is_first = now.number == 0 and now.booted is None  # of a boot that began before the log
        if is_boot and id_.serial > now.serial and (is_first or daemon):
            return self._begun(id_, is_boot, self._new(id_))
        if afresh or (id_.serial < now.serial and (daemon or is_boot or id_.millis > now.last + _REBOOT)):
            return self._begun(id_, is_boot, self._new(id_))
        is_copy = earlier is not None and (id_.serial < now.serial or earlier.marked(id_))
        return earlier if earlier is not None and is_copy else self._begun(id_, is_boot, now)

    def _earlier(self, id_: EventId) -> _Boot | None:
        """The boot in whose time and numbers a late record lies."""
        return next(
            (
                boot for boot in islice(reversed(self._boots), _BOOTS)
                if boot.first <= id_.millis <= boot.last and id_.serial <= boot.serial
            ),
            None,
        )  # fmt: skip

    def _begun(self, id_: EventId, is_boot: bool, boot: _Boot) -> _Boot:
        if is_boot:
            boot.booted = id_
            self._booted[id_] = boot
        return boot

    def _new(self, id_: EventId) -> _Boot:
        boot = _Boot(len(self._boots), id_.millis)
        self._boots.append(boot)
        self._boot = boot
        return boot


_OF_HOSTS = frozenset((Kind.AUDIT, Kind.BOOT))


def _place(placed: Placed) -> tuple[int, int, int]:
    return placed[:3]


def _at(placed: list[Placed], place: tuple[int, int]) -> list[bytes]:
    """The lines in a place."""
    at = bisect_left(placed, place, key=_number)
    return [each[4] for each in takewhile(lambda each: each[:2] == place, islice(placed, at, at + _EVENT))]


def _number(placed: Placed) -> tuple[int, int]:
    return placed[:2]
