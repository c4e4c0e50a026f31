"""Ordered records of one host to events that know their session, and to sessions.

No step walks a list: guests are found by uuid, label, profile, process id and path. The rules, and where they differ
from auvirt's, follow what libvirt writes: a start is told after its identity and resources, a start that fails is told
after the stop that cleans up behind it, and a host that goes down tells nothing of its guests.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import force_setattr, replace

from virtwarden.events.askers import Askers
from virtwarden.events.model import (
    Anomaly,
    Control,
    Denial,
    Ending,
    Event,
    Identity,
    Kind,
    Resource,
    Session,
    Skipped,
)
from virtwarden.events.order import Placed
from virtwarden.events.records import CommandPart
from virtwarden.events.runs import Run
from virtwarden.events.ties import Ties, Untied

_START_TAKES = 600_000
"""The most milliseconds between the first that is told of a guest, in the midst of its start, and how that came out."""
_RESOURCE, _IDENTITY, _START, _STOP = Kind.RESOURCE, Kind.IDENTITY, Kind.START, Kind.STOP
_ENDINGS = {each.value: each for each in Ending}


class Tracker:
    """The guests of one host. `closed` gathers sessions that ended, until somebody takes them."""

    __slots__ = ("_askers", "_before", "_boot", "_down", "_last", "_open", "_skipped", "_ties", "closed", "host")

    def __init__(self, host: str, skipped: Skipped, ties: type[Ties | Untied] = Ties) -> None:
        self.host = host
        self.closed: list[Session] = []
        self._skipped = skipped
        self._open: dict[str, Run] = {}
        self._last: dict[str, Run] = {}
        self._ties: Ties | Untied = ties(self._open)
        self._askers = Askers()
        self._before: dict[str, int] = {}
        self._boot: int | None = None
        self._down: int | None = None

    def take(self, placed: Placed) -> Event | None:
        """The event of a record, tied to its session; None for what only tells who asked."""
        boot, _, _, record, _ = placed
        if boot != self._boot:
            self._booted(boot, record.id.millis)
        if isinstance(record, CommandPart):
            self._askers.take(record)
            return None
        kind = record.kind
        if kind is _RESOURCE:
            self._down = None  # what guests still do tells that the host is not down
            run: Run | None = self._resource(record)
        elif kind is _IDENTITY:
            run = self._identity(record)
        elif kind is _START:
            run = self._start(record)
        elif kind is _STOP:
            run = self._stop(record)
        elif kind is Kind.DENIAL or kind is Kind.ANOMALY:
            return self._tied(record)
        else:
            run = self._open.get(record.uuid) if record.uuid else None
            if kind is Kind.SHUTDOWN:
                self._down = record.id.millis
        if run is not None:
            force_setattr(record, "session", run.id)  # nobody has seen it yet
        return record

    def sessions(self, ready: Iterable[Placed]) -> list[Session]:
        """The sessions that end with these records."""
        take = self.take
        for placed in ready:
            take(placed)
        closed, self.closed = self.closed, []
        return closed

    def finish(self) -> None:
        """The log is over: what is open is running, unless the host went down."""
        for run in list(self._open.values()):
            if run.state == "failed":
                self._close(run, Ending.NOT_STARTED, run.started)
            elif self._down is not None:
                self._close(run, Ending.HOST_DOWN, self._down)
            else:
                self._close(run, Ending.STARTING if run.state == "starting" else Ending.RUNNING, None)

    def _booted(self, boot: int, millis: int) -> None:
        if self._boot is not None and boot > self._boot:
            for run in list(self._open.values()):
                if run.state == "failed":
                    self._close(run, Ending.NOT_STARTED, run.started)
                elif self._down is not None:
                    self._close(run, Ending.HOST_DOWN, self._down)
                else:
                    self._close(run, Ending.HOST_DOWN, millis, exact=False)
            self._askers.forget()
            self._last.clear()
            self._down = None
        self._boot = boot if self._boot is None else max(boot, self._boot)

    def _new(self, event: Event, state: str) -> Run:
        run = Run.begun(event, state)
        if state == "before":
            seen = self._before[run.uuid] = self._before.get(run.uuid, 0) + 1
            run.id += str(seen) if seen > 1 else ""
        self._open[run.uuid] = run
        self._down = None
        return run

    def _close(self, run: Run, ending: Ending, at: int | None, exact: bool = True) -> None:
        if self._open.get(run.uuid) is run:
            del self._open[run.uuid]
        self._ties.drop(run)
        self._last[run.uuid] = run
        self.closed.append(run.ended(self.host, ending, at, exact))

    def _give_up(self, run: Run, millis: int) -> None:
        """The guest begins anew, so what was open is over, whatever became of it."""
        if run.state == "failed":
            self._close(run, Ending.NOT_STARTED, run.started)
        elif run.state == "starting":
            self._close(run, Ending.STARTING, millis, exact=False)
        else:
            self._close(run, Ending.NOT_TOLD, millis, exact=False)

    def _identity(self, event: Event) -> Run:
        assert isinstance(event.detail, Identity)
        label = event.detail.label
        run = self._open.get(event.uuid or "")
        if run is not None and (run.state != "starting" or label.model in run.models):
            self._give_up(run, event.id.millis)
            run = None
        if run is None:
            run = self._new(event, "starting")
        run.models.add(label.model)
        if label.model != "dac":  # only which user it runs as
            run.labels.append(label)
            run.proof.append(event.id)
            self._ties.label(run, label)
        return run

    def _resource(self, event: Event) -> Run:
        detail = event.detail
        assert isinstance(detail, Resource)
        run = self._open.get(event.uuid or "")
        if run is None:
            begins = detail.reason == "start" or (detail.type == "cgroup" and detail.reason == "deny")
            run = self._new(event, "starting" if begins else "before")
        self._ties.resource(run, event.ok, detail)
        return run

    def _start(self, event: Event) -> Run:
        assert isinstance(event.detail, Control)
        run = self._open.get(event.uuid or "")
        if run is not None and not self._begins(run, event):
            self._give_up(run, event.id.millis)
            run = None
        if run is None:
            run = self._new(event, "starting")
        run.guest, run.virt, run.reason = event.guest or run.guest, event.detail.virt, event.detail.reason
        run.user, run.user_name = event.user, event.user_name
        run.started = event.id.millis
        run.proof.append(event.id)
        run.asked = self._askers.of(event)
        if not event.ok:
            self._close(run, Ending.NOT_STARTED, event.id.millis)
            return run
        run.state, run.pid = "running", event.detail.pid
        self._ties.process(run)
        return run

    def _begins(self, run: Run, event: Event) -> bool:
        """Whether a start belongs to what is open."""
        if run.state == "running":
            return False
        if run.state == "failed":
            return not event.ok
        return run.state == "starting" or abs(event.id.millis - run.first.millis) <= _START_TAKES

    def _stop(self, event: Event) -> Run | None:
        detail = event.detail
        assert isinstance(detail, Control)
        run = self._open.get(event.uuid or "")
        if run is not None and run.state == "running" and detail.pid and run.pid and detail.pid != run.pid:
            last = self._last.get(run.uuid)
            if last is not None and last.pid == detail.pid:
                self._skipped.late += 1
                return last
            self._give_up(run, event.id.millis)
            run = None
        if run is not None and run.state == "failed":
            self._give_up(run, event.id.millis)
            run = None
        if run is None and detail.reason != "failed" and event.uuid in self._last:
            return self._last[event.uuid]  # told again
        if run is None or run.state == "starting":
            return self._never_started(run, event, detail)
        self._stopped(run, event, detail)
        return run

    def _never_started(self, run: Run | None, event: Event, detail: Control) -> Run:
        """A stop without a start: of a start that fails, or of a guest that ran before the log begins."""
        failed = detail.reason == "failed"
        if run is None:
            run = self._new(event, "starting" if failed else "before")
        run.virt = run.virt or detail.virt
        if not failed:
            run.started = run.first.millis if run.state == "starting" else None
            self._stopped(run, event, detail)
            return run
        run.state, run.started = "failed", event.id.millis
        run.proof.append(event.id)
        return run

    def _stopped(self, run: Run, event: Event, detail: Control) -> None:
        run.virt = run.virt or detail.virt
        run.proof.append(event.id)
        run.end_asked = self._askers.of(event)
        self._close(run, _ENDINGS.get(detail.reason, Ending.SHUTDOWN), event.id.millis)

    def _tied(self, event: Event) -> Event:
        detail = event.detail
        assert isinstance(detail, Denial | Anomaly)
        run, tie = self._ties.of(detail)
        if run is None:
            return event
        return Event(
            event.kind, event.host, event.id, run.guest, run.uuid, event.ok, event.user, event.user_name,
            replace(detail, tie=tie), run.id,
        )  # fmt: skip
