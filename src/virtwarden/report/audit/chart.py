"""What a guest's timeline is made of, whatever draws it: its sessions and events on lanes along time.

Nothing is left out here; whoever draws puts together what would lie closer than can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from virtwarden.events.model import Ending, Event, Kind, Session
from virtwarden.report.audit.clock import moment, took
from virtwarden.report.audit.holdings import Holdings
from virtwarden.report.audit.lanes import Lane, Mark, Span, What
from virtwarden.report.audit.wording import BADLY, anomaly_words, began_words, denial_words, ended_words
from virtwarden.report.visible import shown

_NAME = 200


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of time that is asked for, in milliseconds; None is as far as the log goes. `zone` is that of the
    times that are shown, None this machine's. `first` and `last` are the log's first and last record as far as they
    are known; what events and sessions tell beyond them counts too."""

    start: int | None = None
    stop: int | None = None
    zone: tzinfo | None = None
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """The lanes of one guest on one host; where a name or a guest moved, there are several. `guest` is its last
    name."""

    guest: str
    host: str
    uuid: str
    main: Sequence[Lane]
    resources: Sequence[Lane]


@dataclass(frozen=True, slots=True)
class Chart:
    """A guest's timeline between two times; a session's number is its place in `sessions`, from 1 on. Before
    `since` and after `told`, the logs tell nothing, and whatever goes on is drawn on all the same."""

    guest: str
    start: int
    stop: int
    zone: tzinfo | None
    tracks: Sequence[Track]
    sessions: Sequence[Session]
    since: int
    told: int

    def ran(self) -> int:
        """How long the guest ran in all, in milliseconds, as far as that is known and lies in the picture."""
        return sum(self._ran(session) for session in self.sessions if session.ending is not Ending.NOT_STARTED)

    def _ran(self, session: Session) -> int:
        ended = self.told if session.ending is Ending.RUNNING else session.ended
        if ended is None:
            return 0
        started = self.since if session.started is None else session.started
        return max(min(ended, self.stop) - max(started, self.start), 0)

    def began(self, session: Session) -> str:
        """How a session began, behind its host where there are several."""
        host = shown(session.host, _NAME)
        return f"{host}: {began_words(session)}" if host and self._has_several_hosts else began_words(session)

    @property
    def _has_several_hosts(self) -> bool:
        return len({track.host for track in self.tracks}) > 1

    def place(self, millis: float) -> float:
        """Where a time is between the beginning (0) and the end (1) of the picture."""
        return min(max((millis - self.start) / (self.stop - self.start), 0.0), 1.0)

    def marks(self, what: What) -> list[Mark]:
        """All marks of a kind, with their host where there are several."""
        several = self._has_several_hosts
        return [
            replace(mark, host=track.host) if several else mark
            for track in self.tracks
            for lane in (*track.main, *track.resources)
            for mark in lane.marks
            if mark.what is what
        ]


def chart(guest: str, sessions: Iterable[Session], events: Iterable[Event], frame: Frame) -> Chart:
    """The timeline of one guest's sessions and events; events may include its hosts' boots and shutdowns."""
    kept, told = sorted(sessions, key=_order), list(events)
    start, stop, since, last = _edges(kept, told, frame)
    kept = [each for each in kept if (each.ended is None or each.ended >= start) and (each.started or 0) <= stop]
    numbers = {session.id: number for number, session in enumerate(kept, 1)}
    places = dict.fromkeys((session.host, session.uuid) for session in kept)
    places |= dict.fromkeys((event.host, event.uuid or "") for event in told if event.guest is not None)
    tracks = []
    for host, uuid in places:
        drawing = _Drawing(start, stop, frame.zone)
        mine = [session for session in kept if (session.host, session.uuid) == (host, uuid)]
        here = [event for event in told if event.host == host and event.uuid in (None, uuid)]
        main = drawing.main(mine, here, numbers)
        if any(lane.spans or lane.marks for lane in main if lane.what is not What.HOST) or drawing.resources:
            name = mine[-1].guest if mine else guest
            tracks.append(
                Track(shown(name, _NAME), shown(host, _NAME), shown(uuid, _NAME), main, drawing.resources)
            )
    since, last = max(since, start), min(last, stop)
    return Chart(shown(guest, _NAME), start, stop, frame.zone, tracks, kept, since, last)


def _order(session: Session) -> tuple[object, ...]:
    return session.started or 0, session.proof[:1], session.id


def _edges(sessions: Sequence[Session], events: Sequence[Event], frame: Frame) -> tuple[int, int, int, int]:
    """The first and the last time of the picture, a little more than there is unless it is asked for; and the first and
    last one that is told of."""
    times = [time for each in sessions for time in (each.started, each.ended) if time is not None]
    times += [event.id.millis for event in events if event.guest is not None]
    whole = [*times, *(event.id.millis for event in events)]
    whole += [time for time in (frame.first, frame.last) if time is not None]
    if any(session.ending is Ending.RUNNING for session in sessions):
        times.append(max(whole))
    if any(session.started is None for session in sessions):
        times.append(min(whole))
    first, last = min(times, default=0), max(times, default=0)
    margin = max((last - first) // 50, 1000)
    start = first - margin if frame.start is None else frame.start
    stop = last + margin if frame.stop is None else min(frame.stop, max(last + margin, start + 1000))
    return start, max(stop, start + 1000), min(whole, default=first), max(whole, default=last)


class _Drawing:
    """Puts what befell one guest on one host on lanes."""

    def __init__(self, start: int, stop: int, zone: tzinfo | None) -> None:
        self._start, self._stop, self._zone = start, stop, zone
        self._failures = Lane("failures", What.FAILURE)
        self.resources: Sequence[Lane] = ()

    def main(self, sessions: Sequence[Session], events: Sequence[Event], numbers: dict[str, int]) -> list[Lane]:
        """The lanes of host, sessions, failures, denials, anomalies, where there is something; and sets `resources`."""
        host, lane = Lane("host", What.HOST), Lane("sessions", What.SESSION)
        denials, anomalies = Lane("denials", What.DENIAL), Lane("anomalies", What.ANOMALY)
        for session in sessions:
            self._session(lane, session, numbers[session.id])
        holdings = Holdings(self._start, self._stop, self._zone, sessions)
        for event in events:
            if event.kind is Kind.RESOURCE:
                holdings.note(event)
            elif event.kind is Kind.BOOT:
                self._mark(host, What.BOOT, event, "the host booted")
            elif event.kind is Kind.SHUTDOWN:
                self._mark(host, What.SHUTDOWN, event, "the host shut down")
            elif event.kind is Kind.DENIAL:
                self._mark(denials, What.DENIAL, event, denial_words(event))
            elif event.kind is Kind.ANOMALY:
                self._mark(anomalies, What.ANOMALY, event, anomaly_words(event))
        self.resources = holdings.lanes()
        lanes = (host, lane, self._failures, denials, anomalies)
        return [each for each in lanes if each.spans or each.marks or each is lane]

    def _session(self, lane: Lane, session: Session, number: int) -> None:
        start = self._start if session.started is None else session.started
        stop = self._stop if session.ended is None else session.ended
        words = f"{began_words(session)}, {ended_words(session)}"
        if session.ending is Ending.NOT_STARTED:
            self._failures.marks.append(Mark(start, What.FAILURE, f"{words}\n{moment(start, self._zone)}"))
            return
        began = moment(start, self._zone) if session.started is not None else "?"
        ended = moment(stop, self._zone) if session.ended is not None else "?"
        lasted = f"{took(stop - start)}, " if session.ended is not None and session.started is not None else ""
        span = Span(
            max(start, self._start),
            min(stop, self._stop),
            label=f"{lasted}{ended_words(session)}",
            title=f"session {number}: {words}\n{began} to {ended}{lasted and f', {took(stop - start)}'}",
            number=number,
            cut=session.started is None or start < self._start,
            open=session.ended is None or stop > self._stop,
            bad=session.ending in BADLY,
        )
        lane.spans.append(span)
        if span.bad and session.ended is not None and not span.open:
            self._failures.marks.append(Mark(session.ended, What.FAILURE, f"{words}\n{ended}"))

    def _mark(self, lane: Lane, what: What, event: Event, words: str) -> None:
        if self._start <= event.id.millis <= self._stop:
            title = f"{words}\n{moment(event.id.millis, self._zone)} ({event.id})"
            lane.marks.append(Mark(event.id.millis, what, title))
