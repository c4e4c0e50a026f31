"""The words for what happened to a guest, made safe to show: how a session began and ended, what was denied."""

from __future__ import annotations

from virtwarden.events.model import Anomaly, Denial, Ending, Event, Resource, Session
from virtwarden.report.visible import shown

_WORD, _TEXT = 60, 160
BADLY = (Ending.CRASHED, Ending.FAILED, Ending.NOT_STARTED, Ending.HOST_DOWN, Ending.NOT_TOLD)
"""Endings that nobody asks for."""

ENDINGS = {
    Ending.SHUTDOWN: "shut down",
    Ending.SAVED: "saved",
    Ending.MIGRATED: "migrated away",
    Ending.NOT_STARTED: "did not start",
    Ending.HOST_DOWN: "went down with the host",
    Ending.NOT_TOLD: "end not told",
    Ending.RUNNING: "still running",
    Ending.FROM_SNAPSHOT: "left for a snapshot",
    Ending.CRASHED: "crashed",
    Ending.FAILED: "failed",
}
"""How it is said; what is not here says itself."""
_BEGINNINGS = {
    "migrated": "migrated here",
    "from-snapshot": "started from a snapshot",
    "restored": "restored",
    "booted": "booted",
}
_AMOUNTS = {"mem": "memory", "vcpu": "processors", "iothread": "I/O threads"}


def began_words(session: Session) -> str:
    """How a session began, and by whom: `booted by alice`."""
    if session.started is None:
        return "ran before the log begins"
    began = _BEGINNINGS.get(session.start_reason) or shown(session.start_reason, _WORD) or "started"
    return f"{began} by {name}" if (name := asker(session)) else began


def ended_words(session: Session) -> str:
    """How a session ended, and by whom: `shut down by bob`; "at the latest" where the log gives no better time."""
    ended = ENDINGS.get(session.ending, str(session.ending))
    by = session.end_asked
    ended = f"{ended} by {shown(by.user or str(by.auid), _WORD)}" if by is not None else ended
    return ended if session.exact or session.ended is None else f"{ended} (at the latest then)"


def asker(session: Session) -> str | None:
    """Who asked for the start, as far as a record tells."""
    return None if session.asked is None else shown(session.asked.user or str(session.asked.auid), _WORD)


def denial_words(event: Event) -> str:
    """`denied: qemu-kvm read file /etc/shadow`, from the permissions, the process and the object."""
    denial = event.detail
    if not isinstance(denial, Denial):
        return ""
    word = "denied" if denial.denied else "allowed"
    what = denial.path or denial.object or "?"
    done = f"{denial.permissions} {denial.target_class}".strip()
    return f"{word}: {shown(denial.process or '?', _WORD)} {shown(done, _WORD)} {shown(what, _TEXT)}"


def anomaly_words(event: Event) -> str:
    """`ANOM_ABEND of qemu-kvm: signal 11`."""
    anomaly = event.detail
    if not isinstance(anomaly, Anomaly):
        return ""
    of = f" of {shown(anomaly.process, _WORD)}" if anomaly.process else ""
    about = f": {shown(anomaly.about, _TEXT)}" if anomaly.about else ""
    return f"{shown(anomaly.type, _WORD)}{of}{about}"


def resource_words(event: Event) -> tuple[str, str | None, str | None] | None:
    """The kind of a resource, what is taken away and what is given; None where it is no thing that a guest holds:
    what its control group may open, and devices that libvirt opens on the way."""
    resource = event.detail
    if not isinstance(resource, Resource) or resource.type == "cgroup" or resource.reason == "open":
        return None
    old, new = (shown(value, _TEXT) if value else None for value in (resource.old, resource.new))
    if resource.type in _AMOUNTS:
        old, new = (None if value == "0" else value for value in (old, new))
    return (shown(resource.type, _WORD), old, new) if old or new else None


def kind_words(kind: str) -> str:
    """A resource's kind as people call it."""
    return _AMOUNTS.get(kind, kind)


def amount(kind: str, value: str) -> str:
    """A value as people say it; memory is in KiB."""
    if kind != "mem" or not (value.isascii() and value.isdigit()):
        return value
    size, units = float(value), ["KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.4g} {units[0]}"
