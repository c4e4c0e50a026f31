"""Sessions and events as lines of text, at the pace at which they come."""

from __future__ import annotations

import time
from collections.abc import Callable

from virtwarden.events.model import Anomaly, Control, Denial, Event, HostEvent, Identity, Kind, Resource, Session
from virtwarden.report.audit.clock import took
from virtwarden.report.audit.wording import began_words, ended_words
from virtwarden.report.visible import shown

_GUEST, _TEXT = 20, 200
Users = Callable[[int], str]


class SessionLines:
    """A line a session under a head: guest, from, to, how long, why, by whom."""

    head = f"{'guest':<{_GUEST}} {'started':<19} {'ended':<20} {'lasted':<12} {'user':<8} why\n"

    def __init__(self, user: Users, proof: Callable[[Session], str]) -> None:
        self._user = user
        self._proof = proof
        self._second = _Minutes().second
        self._why: dict[tuple[object, ...], str] = {}
        self._shown = _Shown()

    def __call__(self, each: Session) -> str:
        """The line, with what is behind it."""
        began, end = each.started, each.ended
        started = "before the log" if began is None else self._second(began // 1000)
        ended = "" if end is None else self._second(end // 1000)
        if ended and not each.exact:
            ended = f"≤{ended}"
        lasted = took(end - began) if began is not None and end is not None and end >= began else ""
        name = each.user_name or ("" if each.user is None else self._user(each.user))
        host = f"{self._shown[each.host]} · " if each.host else ""
        return (
            f"{self._shown[each.guest]:<{_GUEST}} {started:<19} {ended:<20} {lasted:<12} {self._shown[name]:<8} "
            f"{host}{self._reasons(each)}\n{self._proof(each)}"
        )

    def _reasons(self, each: Session) -> str:
        if each.asked or each.end_asked:
            return f"{began_words(each)} → {ended_words(each)}"
        key = (each.started is None, each.start_reason, each.ending, each.exact, each.ended is None)
        why = self._why.get(key)
        if why is None:
            why = self._why[key] = f"{began_words(each)} → {ended_words(each)}"
        return why


def session_proof(session: Session) -> str:
    """The ids of the records behind a line."""
    asked = [asker.id for asker in (session.asked, session.end_asked) if asker is not None]
    return f"    uuid {session.uuid}\n    proof {' '.join(map(str, (*session.proof, *asked)))}\n"


class EventLines:
    """A line an event: when, what, of which guest, and the rest in words."""

    def __init__(self, proof: Callable[[Event], str]) -> None:
        self._proof = proof
        self._second = _Minutes().second

    def __call__(self, event: Event) -> str:
        """The line, with what is behind it."""
        second, millis = divmod(event.id.millis, 1000)
        kind, guest = event.kind, event.guest or event.uuid or ""
        about = _WORDS[kind](event)
        if not event.ok and kind is not Kind.DENIAL:
            about = f"failed: {about}"
        if not (about.isprintable() and guest.isprintable()):
            about, guest = shown(about, _TEXT), shown(guest, _TEXT)
        host = f"{shown(event.host, 40)} " if event.host else ""
        return (
            f"{self._second(second)}.{millis:03d} {host}{kind:<9} {guest:<{_GUEST}} {about}{self._proof(event)}\n"
        )


def event_proof(event: Event) -> str:
    """The id of the record behind a line, and the session it belongs to."""
    return f"\n    proof {event.id}" + (f"  session {event.session}" if event.session else "")


def no_proof(_: object) -> str:
    """Nothing behind a line."""
    return ""


class _Shown(dict[str, str]):
    """Names made safe to show, each once."""

    def __missing__(self, name: str) -> str:
        if len(self) > _MANY:
            self.clear()
        text = self[name] = shown(name, 40)
        return text


class _Minutes(dict[int, str]):
    """Minutes as local time, each put into words once; `second` adds the seconds."""

    def second(self, second: int) -> str:
        """`2026-11-23 20:00:07`."""
        return self[second // 60] + _TWO_DIGITS[second % 60]

    def __missing__(self, minute: int) -> str:
        if len(self) > _MANY:
            self.clear()
        text = self[minute] = time.strftime("%Y-%m-%d %H:%M:", time.localtime(min(minute * 60, _LAST)))
        return text


_TWO_DIGITS = tuple(f"{number:02d}" for number in range(60))
_MANY = 10_000
_LAST = 253_370_764_800


def _control(event: Event) -> str:
    detail = event.detail
    assert isinstance(detail, Control)
    pid = f", pid {detail.pid}" if detail.pid else ""
    return f"{detail.reason or 'started'}, {detail.virt}{pid}"


def _identity(event: Event) -> str:
    assert isinstance(event.detail, Identity)
    label = event.detail.label
    image = f", images {label.image}" if label.image != label.process else ""
    return f"{label.model} {label.process}{image}"


def _resource(event: Event) -> str:
    detail = event.detail
    assert isinstance(detail, Resource)
    unit = " KiB" if detail.type == "mem" else ""
    if detail.old is not None and detail.new is not None:
        what = f"{detail.old}{unit} → {detail.new}{unit}"
    elif detail.old is not None:
        what = f"{detail.old}{unit} → none"
    else:
        what = f"{detail.new}{unit}" if detail.new is not None else "none"
    return (
        f"{detail.type} {detail.reason} {what} {detail.more}"
        if detail.more
        else f"{detail.type} {detail.reason} {what}"
    )


def _denial(event: Event) -> str:
    detail = event.detail
    assert isinstance(detail, Denial)
    verb = "denied" if detail.denied else "granted"
    what = f" on {detail.path}" if detail.path else ""
    to = f" of {detail.object}" if detail.object else ""
    tie = f", tied by {detail.tie}" if detail.tie else ""
    return f"{detail.by} {verb} {detail.process or '?'} {detail.target_class} {detail.permissions}{what}{to}{tie}"


def _anomaly(event: Event) -> str:
    detail = event.detail
    assert isinstance(detail, Anomaly)
    return f"{detail.type} {detail.process} {detail.about}".rstrip()


def _host(event: Event) -> str:
    detail = event.detail
    assert isinstance(detail, HostEvent)
    return f"{detail.type} {detail.about}".rstrip()


_WORDS: dict[Kind, Callable[[Event], str]] = {
    Kind.START: _control, Kind.STOP: _control, Kind.INIT: _control, Kind.IDENTITY: _identity, Kind.RESOURCE: _resource,
    Kind.DENIAL: _denial, Kind.ANOMALY: _anomaly, Kind.BOOT: _host, Kind.SHUTDOWN: _host, Kind.AUDIT: _host,
}  # fmt: skip
