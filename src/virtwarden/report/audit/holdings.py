"""What a guest held and from when to when: disks, networks, devices, memory, as lanes of a timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import NamedTuple

from virtwarden.events.model import Event, Session
from virtwarden.report.audit.clock import moment
from virtwarden.report.audit.lanes import Lane, Mark, Span, What
from virtwarden.report.audit.wording import amount, kind_words, resource_words

AMOUNTS = ("mem", "vcpu", "iothread")
"""What a guest has a number of; everything else it has or has not."""
_FIRST = (*AMOUNTS[:2], "disk", "net", "dev", "hostdev", "fs", "tpm", "tpm-emulator", "tpm-external")
"""The order of resources; what is not named here follows."""


class _Key(NamedTuple):
    session: str
    kind: str
    value: str  # empty for amounts


class Holdings:
    """Follows what is attached and detached. What a session holds at its end ends with it."""

    def __init__(self, start: int, stop: int, zone: tzinfo | None, sessions: Iterable[Session]) -> None:
        self._start, self._stop, self._zone = start, stop, zone
        self._sessions: Mapping[str, Session] = {session.id: session for session in sessions}
        self._held: dict[_Key, tuple[int | None, str]] = {}
        self._lanes: dict[tuple[str, str], Lane] = {}

    def note(self, event: Event) -> None:
        """Take in a resource event, a failed one as a mark."""
        told = resource_words(event)
        if told is None:
            return
        kind, old, new = told
        when = event.id.millis
        if not event.ok:
            self._failed(event, kind, new or old or "")
            return
        session = event.session or ""
        if old is not None:
            self._end(_Key(session, kind, "" if kind in AMOUNTS else old), old, when)
        if new is not None:
            key = _Key(session, kind, "" if kind in AMOUNTS else new)
            if key in self._held:
                self._end(key, new, when)
            self._held[key] = (when, new)

    def lanes(self) -> list[Lane]:
        """The lanes, by kind; call it when all events were taken in."""
        for key, (_, value) in list(self._held.items()):
            session = self._sessions.get(key.session)
            self._end(key, value, session.ended if session else None)
        found = [(key, lane) for key, lane in self._lanes.items() if lane.spans or lane.marks]
        return [lane for _, lane in sorted(found, key=lambda item: _rank(item[0][0]))]

    def _end(self, key: _Key, value: str, ended: int | None) -> None:
        session = self._sessions.get(key.session)
        began, value = self._held.pop(key, (session.started if session else None, value))
        start = self._start if began is None else began
        stop = self._stop if ended is None else ended
        if stop < self._start or start > self._stop:
            return
        label = amount(key.kind, value)
        until = self._moment(ended) if ended is not None else "the end of the picture"
        title = f"{kind_words(key.kind)} {label}\n{self._moment(began)} to {until}"
        cut, open_ = began is None or start < self._start, ended is None or stop > self._stop
        span = Span(max(start, self._start), min(stop, self._stop), label, title, cut=cut, open=open_)
        self._lane(key.kind, value).spans.append(span)

    def _failed(self, event: Event, kind: str, value: str) -> None:
        if self._start <= event.id.millis <= self._stop:
            title = (
                f"failed: {kind_words(kind)} {amount(kind, value)}\n{self._moment(event.id.millis)} ({event.id})"
            )
            self._lane(kind, value).marks.append(Mark(event.id.millis, What.FAILURE, title))

    def _lane(self, kind: str, value: str) -> Lane:
        key = (kind, "" if kind in AMOUNTS else value)
        if key not in self._lanes:
            what = What.AMOUNT if kind in AMOUNTS else What.RESOURCE
            self._lanes[key] = Lane(f"{kind_words(kind)} {key[1]}".strip(), what)
        return self._lanes[key]

    def _moment(self, millis: int | None) -> str:
        return "before the log begins" if millis is None else moment(millis, self._zone)


def _rank(kind: str) -> int:
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)
