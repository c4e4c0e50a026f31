"""What was asked, and what a log answers: the sessions and events that a bundle is about.

The same choice is made of the whole logs when a bundle is written and of the bundle's own records when it is checked,
so that nothing can be in an answer that does not follow from the records beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

import msgspec

from virtwarden.events.model import Event, EventId, Kind, Session

_T = TypeVar("_T")
OF_THE_HOST = (Kind.BOOT, Kind.SHUTDOWN, Kind.AUDIT)
"""What befalls a host, and with it all of its guests."""


class Criteria(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked; each part that is given narrows it. In `vm`, `*` and `?` stand for others. Times are milliseconds
    since 1970, `end` included; `sessions` and `ids` are as `audit sessions` and `--proof` show them, an id also behind
    `HOST/`."""

    vm: str | None = None
    uuid: str | None = None
    host: str | None = None
    start: int | None = None
    end: int | None = None
    sessions: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Sessions and events, each in an order of their own that does not hang on the log's."""

    sessions: tuple[Session, ...]
    events: tuple[Event, ...]

    def proof(self) -> set[tuple[str, EventId]]:
        """The hosts and ids of all the records that it rests on."""
        return proof([*self.sessions, *self.events])


def proof(told: Iterable[Session | Event]) -> set[tuple[str, EventId]]:
    """The hosts and ids of the records that sessions and events rest on."""
    wanted: set[tuple[str, EventId]] = set()
    for each in told:
        if isinstance(each, Event):
            wanted.add((each.host, each.id))
        else:
            askers = [asker.id for asker in (each.asked, each.end_asked) if asker is not None]
            wanted |= {(each.host, id_) for id_ in (*each.proof, *askers)}
    return wanted


class TooMany(Exception):
    """More is chosen than there can be."""


def choose(
    criteria: Criteria,
    sessions: Callable[[], Iterable[Session]],
    events: Callable[[], Iterable[Event]],
    most: int = sys.maxsize,
) -> Answer:
    """What is asked for, out of all sessions and events; each is gone through once or twice, and only what is chosen
    is kept. Raises `TooMany` before more than `most` are."""
    named = set(criteria.sessions)
    if criteria.ids:
        named |= {event.session for event in events() if event.session and _is_named(event, criteria)}
    by_name = bool(criteria.sessions or criteria.ids)
    wanted = (
        session
        for session in sessions()
        if (session.id in named or not by_name) and _fits(session, criteria) and _overlaps(session, criteria)
    )
    chosen = list(_at_most(wanted, most))
    about = {session.id for session in chosen}
    concerning = (event for event in events() if _may_concern(event, about, criteria))
    found = _events(criteria, _at_most(concerning, most), about, {session.host for session in chosen})
    return Answer(tuple(sorted(chosen, key=_place)), tuple(sorted(found, key=_place_of_event)))


def _events(criteria: Criteria, events: Iterable[Event], sessions: set[str], hosts: set[str]) -> list[Event]:
    """The events of the sessions, those that belong to no session but fit, and what befell their hosts."""
    found: list[Event] = []
    of_hosts: list[Event] = []
    for event in events:
        if _concerns(event, sessions, criteria):
            found.append(event)
            hosts.add(event.host)
        else:
            of_hosts.append(event)
    return [*found, *(event for event in of_hosts if event.host in hosts)]


def _may_concern(event: Event, sessions: set[str], criteria: Criteria) -> bool:
    return event.kind in OF_THE_HOST or _concerns(event, sessions, criteria)


def _concerns(event: Event, sessions: set[str], criteria: Criteria) -> bool:
    return event.session in sessions or _is_named(event, criteria) or _is_loose(event, criteria)


def _at_most(values: Iterable[_T], most: int) -> Iterator[_T]:
    for number, value in enumerate(values):
        if number >= most:
            raise TooMany
        yield value


def _is_named(event: Event, criteria: Criteria) -> bool:
    return bool(criteria.ids) and not _names(event).isdisjoint(criteria.ids) and _fits(event, criteria)


def _names(event: Event) -> set[str]:
    """What an event can be named by; a bundle spells a host's name in one way only."""
    return {str(event.id), f"{event.host}/{event.id}", f"{sayable(event.host)}/{event.id}"}


def unfound(criteria: Criteria, answer: Answer) -> list[str]:
    """The sessions and events that were asked for by name and are not in the answer, in words."""
    sessions = {session.id for session in answer.sessions}
    events = {name for event in answer.events for name in _names(event)} if criteria.ids else set()
    missing = [f"session {each}" for each in criteria.sessions if each not in sessions]
    return list(dict.fromkeys(missing + [f"event {each}" for each in criteria.ids if each not in events]))


def _is_loose(event: Event, criteria: Criteria) -> bool:
    """Whether an event of no session is asked for by its guest and time."""
    if event.session or criteria.sessions or criteria.ids or event.kind in OF_THE_HOST:
        return False
    early = criteria.start is not None and event.id.millis < criteria.start
    late = criteria.end is not None and event.id.millis > criteria.end
    return event.guest is not None and _fits(event, criteria) and not early and not late


def _fits(told: Session | Event, criteria: Criteria) -> bool:
    guest, uuid = sayable(told.guest or ""), (told.uuid or "").lower()
    return (
        (criteria.vm is None or guest == sayable(criteria.vm) or fnmatchcase(guest, sayable(criteria.vm)))
        and (criteria.uuid is None or uuid == criteria.uuid.lower())
        and (criteria.host is None or sayable(told.host) == sayable(criteria.host))
    )


def _overlaps(session: Session, criteria: Criteria) -> bool:
    began_late = criteria.end is not None and session.started is not None and session.started > criteria.end
    ended_early = criteria.start is not None and session.ended is not None and session.ended < criteria.start
    return not began_late and not ended_early


def _place(session: Session) -> tuple[tuple[EventId, ...], str, str]:
    return session.proof[:1], session.id, session.host


def _place_of_event(event: Event) -> tuple[EventId, str, str, str, bytes]:
    return event.id, event.host, event.kind, event.session or "", encoded([event])


def encoded(values: Iterable[Session | Event]) -> bytes:
    """Sessions or events as JSON for people and programs; bytes that are no UTF-8 are spelled out."""
    plain = [_sayable(msgspec.to_builtins(value)) for value in values]
    return msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n"


def _sayable(value: object) -> object:
    if isinstance(value, str):
        return sayable(value)
    if isinstance(value, dict):
        return {key: _sayable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(each) for each in value]
    return value


def sayable(text: str) -> str:
    """The text, with bytes that were no UTF-8 spelled out as `\\xNN`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
