"""Events and sessions as auvirt of audit 3.0.9 prints them, for scripts that read its columns.

The columns and their least widths are auvirt's; nothing is cut where it is longer. docs/reference/auvirt.md lists every
difference with its reason. A row is given out, in the order of the log, as soon as it is known when it ended.
"""

from __future__ import annotations

import pwd
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from virtwarden.events.model import (
    Anomaly,
    Control,
    Denial,
    Ending,
    Event,
    EventId,
    HostEvent,
    Identity,
    Kind,
    Resource,
    Session,
)
from virtwarden.events.times import Window
from virtwarden.report.visible import visible

_CLASS = re.compile(r"(?:^| )class=(\S+)")
_ACL = re.compile(r"(?:^| )acl=(\S+)")
_LAST_OF_PROOF = frozenset(Ending) - {
    Ending.RUNNING, Ending.STARTING, Ending.HOST_DOWN, Ending.NOT_TOLD,
}  # fmt: skip
"""Endings that a record tells, which is then the last of the session's proof."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(slots=True)
class Row:
    """One line: `type` is start, stop, resrc, avc, anom or down, or identity, which only counts for the summary. `open`
    is whether its end may still be told."""

    type: str
    event: Event
    open: bool = False
    ended: int | None = None
    proof: list[EventId] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of which guest, and in which time."""

    name: str | None = None
    uuid: str | None = None
    window: Window = Window(None, None)

    def guest(self, event: Event) -> bool:
        """Whether an event is of the guest; the host's own are of every guest."""
        if event.guest is None and isinstance(event.detail, HostEvent):
            return True
        return (self.name is None or event.guest == self.name) and (
            self.uuid is None or (event.uuid or "").lower() == self.uuid.lower()
        )

    def times(self, row: Row) -> bool:
        """Whether a row has to do with these times: a session that crosses them does."""
        began = row.event.id.millis
        return self.window.touches(began, None if row.open else max(began, row.ended or 0))


class Ledger:
    """Makes rows of what the library tells; `ready` gives those of which all is known."""

    __slots__ = ("_down", "_held", "_labels", "_open", "_rows", "_started")

    def __init__(self) -> None:
        self._rows: deque[Row] = deque()
        self._open: dict[str, list[Row]] = {}
        self._held: dict[tuple[str, str, str], list[Row]] = {}
        self._labels: dict[str, EventId] = {}
        self._started: dict[str, EventId] = {}
        self._down: dict[str, EventId] = {}

    def take(self, told: Event | Session) -> None:
        """An event, or a session that ended with the event before it."""
        if isinstance(told, Session):
            self._ended(told)
        elif told.kind is Kind.RESOURCE:
            self._resource(told)
        elif told.kind is Kind.START:
            self._start(told)
        elif told.kind is Kind.STOP:
            self._stop(told)
        elif told.kind in (Kind.DENIAL, Kind.ANOMALY):
            self._tied(told)
        elif told.kind is Kind.IDENTITY:
            self._identity(told)
        elif told.kind is Kind.SHUTDOWN:
            self._down[told.host] = told.id
            self._rows.append(Row("down", told, proof=[told.id]))
        elif told.kind is Kind.BOOT:
            self._down.pop(told.host, None)

    def ready(self) -> Iterator[Row]:
        """Rows from the front, as far as their ends are known."""
        while self._rows and not self._rows[0].open:
            yield self._rows.popleft()

    def rest(self) -> Iterator[Row]:
        """All other rows, at the end of the log."""
        yield from self._rows
        self._rows.clear()

    def _add(self, type_: str, event: Event, *, lasting: bool) -> Row:
        row = Row(type_, event, lasting, proof=[event.id])
        self._rows.append(row)
        if lasting and event.session is not None:
            self._open.setdefault(event.session, []).append(row)
        return row

    def _start(self, event: Event) -> None:
        self._add("start", event, lasting=event.ok)
        if event.session is not None:
            self._started[event.session] = event.id

    def _stop(self, event: Event) -> None:
        assert isinstance(event.detail, Control)
        if event.detail.reason == "failed" and event.session not in self._started:
            return  # libvirt clears up behind a start that fails, of which it tells next
        self._add("stop", event, lasting=False)

    def _identity(self, event: Event) -> None:
        assert isinstance(event.detail, Identity)
        if event.detail.label.model == "dac":
            return
        self._add("identity", event, lasting=False)
        if event.session is not None:
            self._labels[event.session] = event.id

    def _resource(self, event: Event) -> None:
        detail = event.detail
        assert isinstance(detail, Resource)
        if detail.reason == "open":
            return
        gone, come = detail.old, detail.new
        if detail.type == "cgroup":  # allowing and denying are both lines of their own
            gone, come = None, come or gone or "all"
        elif detail.reason == "detach" and gone is None:
            gone, come = come, None
        session = event.session or ""
        if gone is not None and event.ok:
            self._gone(session, detail.type, gone, event.id)
        if come is not None:
            row = self._add("resrc", event, lasting=event.ok)
            if event.ok and detail.type != "cgroup":
                self._held.setdefault((session, detail.type, come), []).append(row)

    def _gone(self, session: str, type_: str, value: str, at: EventId) -> None:
        rows = self._held.get((session, type_, value))
        if rows:
            row = rows.pop()
            row.open, row.ended = False, at.millis
            row.proof.append(at)

    def _tied(self, event: Event) -> None:
        if event.session is None:
            return
        row = self._add("avc" if event.kind is Kind.DENIAL else "anom", event, lasting=False)
        told = self._tie(event.session, event.detail)
        if told is not None:
            row.proof.insert(0, told)

    def _tie(self, session: str, detail: object) -> EventId | None:
        """The event that told of what ties a denial or an anomaly to its guest: a disk, a process, a label."""
        if isinstance(detail, Denial) and detail.tie == "path":
            disks = self._held.get((session, "disk", detail.path or ""))
            if disks:
                return disks[-1].event.id
        if isinstance(detail, Denial | Anomaly) and detail.tie == "pid":
            return self._started.get(session)
        return self._labels.get(session)

    def _ended(self, session: Session) -> None:
        self._labels.pop(session.id, None)
        self._started.pop(session.id, None)
        last = session.proof[-1] if session.proof and session.ending in _LAST_OF_PROOF else None
        if session.ending is Ending.HOST_DOWN:
            last = self._down.get(session.host)
        for row in self._open.pop(session.id, ()):
            if row.type == "resrc":
                self._forget(session.id, row)
            if row.open and session.ended is not None:
                row.open, row.ended = False, session.ended
                if last is not None and last != row.proof[-1]:
                    row.proof.append(last)

    def _forget(self, session: str, row: Row) -> None:
        assert isinstance(row.event.detail, Resource)
        self._held.pop((session, row.event.detail.type, row.event.detail.new or ""), None)


def rows(told: Iterable[Event | Session], wanted: Wanted) -> Iterator[Row]:
    """The rows that are wanted, in the order of the log."""
    ledger = Ledger()
    for each in told:
        if isinstance(each, Session) or wanted.guest(each):
            ledger.take(each)
            yield from filter(wanted.times, ledger.ready())
    yield from filter(wanted.times, ledger.rest())


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns and lines are shown: `types` are the row types, `typed` whether the type stands in front."""

    types: frozenset[str]
    typed: bool
    uuid: bool
    proof: bool

    def line(self, row: Row) -> str:
        """A row as auvirt prints it, with the newline."""
        event = row.event
        kind = f"{row.type:<6.5} " if self.typed else ""
        identity = f"\t{event.uuid or '':<36}" if self.uuid else ""
        head = f"{kind}{visible(event.guest or ''):<22}{identity}\t{_user(event):<11}\t{period(row):<32}"
        tail = f"\n    Proof: {', '.join(map(str, row.proof))}\n" if self.proof else ""
        return f"{head}{_more(event)}{tail}\n"


def summary(every: Iterable[Row]) -> str:
    """auvirt's seven lines."""
    counts = dict.fromkeys(("start", "stop", "resrc", "avc", "anom", "failed", "down", "identity"), 0)
    first = last = None
    for row in every:
        failed = not row.event.ok and row.type in ("start", "stop", "resrc")
        counts["failed" if failed else row.type] += 1
        if row.type == "down":
            continue
        times = [row.event.id.millis, *([row.ended] if row.ended is not None else [])]
        first, last = min([*times, *([first] if first else [])]), max([*times, last or 0])
    return (
        f"Range of time for report:       {_clock(first)} - {_clock(last)}\n"
        f"Number of guest starts:         {counts['start']}\n"
        f"Number of guest stops:          {counts['stop']}\n"
        f"Number of resource assignments: {counts['resrc']}\n"
        f"Number of related AVCs:         {counts['avc']}\n"
        f"Number of related anomalies:    {counts['anom']}\n"
        f"Number of failed operations:    {counts['failed']}\n"
    )


def period(row: Row) -> str:
    """From when to when, as auvirt means it: the end has no day, the length has days."""
    began = row.event.id.millis
    if row.ended is not None:
        return f"{_clock(began)} - {_clock(row.ended)[11:]}  {_length(row.ended // 1000 - began // 1000)}"
    failed = not row.event.ok and row.type in ("start", "stop", "resrc")
    return f"{_clock(began)} - failed" if failed else _clock(began)


def _length(seconds: int) -> str:
    if seconds < 0:
        return "(?)"
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    return f"({days}+{hours:02}:{minutes:02})" if days else f"({hours:02}:{minutes:02})"


def _clock(millis: int | None) -> str:
    return "undef" if millis is None else _minute(millis // 60000)


@lru_cache(4096)
def _minute(minutes: int) -> str:
    """The beginning of what ctime(3) writes, in local time: Mon Nov  2 20:14."""
    local = time.localtime(minutes * 60)
    day, month = _DAYS[local.tm_wday], _MONTHS[local.tm_mon - 1]
    return f"{day} {month} {local.tm_mday:2} {local.tm_hour:02}:{local.tm_min:02}"


def _user(event: Event) -> str:
    if event.user_name is not None:
        return visible(event.user_name)
    return "?" if event.user is None else _name(event.user)


@lru_cache(4096)
def _name(uid: int) -> str:
    try:
        return visible(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return f"unknown({uid})"


def _more(event: Event) -> str:
    detail = event.detail
    if isinstance(detail, Resource):
        head = f"\t{visible(detail.type):<12}\t{visible(detail.reason):<10}\t"
        value = visible(detail.new or detail.old or "")
        return head + (_group(detail.more, value) if detail.type == "cgroup" else value)
    if isinstance(detail, Denial):
        what = detail.permissions if detail.by == "selinux" else detail.target_class
        result = "denied" if detail.denied else "granted" if detail.by == "selinux" else "allowed"
        cells = (detail.process, detail.path or "", _context(detail))
        return f"\t{visible(what):<12}\t{result:<10}\t" + "\t".join(map(visible, cells))
    return ""


def _group(more: str, value: str) -> str:
    kind, acl = _CLASS.search(more), _ACL.search(more)
    named = visible(kind[1]) if kind else value
    return f"{named}\t{visible(acl[1]) if acl else ''}\t{'' if named == 'all' else value}"


def _context(detail: Denial) -> str:
    return {"relabelfrom": detail.subject, "relabelto": detail.object}.get(detail.permissions, "")
