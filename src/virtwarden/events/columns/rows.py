"""Sessions and events as flat rows of typed columns, which are the same for every kind and for an empty log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from virtwarden.events.columns.extra import needed
from virtwarden.events.model import Anomaly, Asker, Control, Denial, Event, HostEvent, Identity, Resource, Session

if TYPE_CHECKING:
    import polars as pl

Value = str | int | bool | datetime | list[str] | None
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SESSION = {
    **dict.fromkeys(("session", "host", "guest", "uuid", "virt"), "text"),
    "pid": "number", "uid": "number", "user": "text", "started": "time", "start_reason": "text",
    "start_asked_by": "text", "start_asked_auid": "number", "start_command": "text", "start_command_id": "text",
    "ended": "time", "ending": "text", "ended_exactly": "yes",
    "end_asked_by": "text", "end_asked_auid": "number", "end_command": "text", "end_command_id": "text",
    "seconds": "number", "labels": "texts", "proof": "texts",
}  # fmt: skip
_EVENT = {
    "id": "text", "time": "time", "kind": "text", "host": "text", "guest": "text", "uuid": "text", "session": "text",
    "ok": "yes", "uid": "number", "user": "text",
    **dict.fromkeys(("reason", "type", "old", "new", "more", "by", "permissions", "class", "process"), "text"),
    "pid": "number", "subject": "text", "object": "text", "path": "text", "auid": "number", "tie": "text",
}  # fmt: skip


def session_schema() -> pl.Schema:
    """The columns of sessions. Raises `Complaint`."""
    return _schema(_SESSION)


def event_schema() -> pl.Schema:
    """The columns of events. Raises `Complaint`."""
    return _schema(_EVENT)


def _schema(columns: dict[str, str]) -> pl.Schema:
    polars = needed("polars")
    kinds = {
        "text": polars.String(), "number": polars.Int64(), "yes": polars.Boolean(),
        "time": polars.Datetime("ms", "UTC"), "texts": polars.List(polars.String()),
    }  # fmt: skip
    schema: pl.Schema = polars.Schema({name: kinds[kind] for name, kind in columns.items()})
    return schema


def session_row(session: Session) -> tuple[Value, ...]:
    """The values of a session, in the order of the columns."""
    started, ended = session.started, session.ended
    return (
        _text(session.id), _text(session.host), _text(session.guest), _text(session.uuid), _text(session.virt),
        session.pid, session.user, _text(session.user_name), _time(started), _text(session.start_reason),
        *_asker(session.asked), _time(ended), str(session.ending), session.exact, *_asker(session.end_asked),
        None if started is None or ended is None else round((ended - started) / 1000),
        [_text(label.process) or "" for label in session.labels], [str(each) for each in session.proof],
    )  # fmt: skip


def event_row(event: Event) -> tuple[Value, ...]:
    """The values of an event, in the order of the columns."""
    detail = _detail(event)
    head: tuple[Value, ...] = (
        str(event.id), _time(event.id.millis), str(event.kind), _text(event.host), _text(event.guest),
        _text(event.uuid), _text(event.session), event.ok, event.user, _text(event.user_name),
    )  # fmt: skip
    return head + tuple(detail.get(name) for name in _OF_DETAIL)


_OF_DETAIL = tuple(_EVENT)[10:]


def _detail(event: Event) -> dict[str, str | int | None]:
    found: dict[str, str | int | None]
    match event.detail:
        case Control(virt, reason, pid):
            found = {"type": virt, "reason": reason, "pid": pid}
        case Identity(label):
            found = {"type": label.model, "subject": label.process, "object": label.image}
        case Resource(type_, reason, old, new, more):
            found = {"type": type_, "reason": reason, "old": old, "new": new, "more": more or None}
        case Denial() as denial:
            found = {
                "type": "denied" if denial.denied else "granted", "by": denial.by, "permissions": denial.permissions,
                "class": denial.target_class, "process": denial.process, "pid": denial.pid, "subject": denial.subject,
                "object": denial.object or None, "path": denial.path, "auid": denial.auid, "tie": denial.tie or None,
            }  # fmt: skip
        case Anomaly() as anomaly:
            found = {
                "type": anomaly.type, "pid": anomaly.pid, "more": anomaly.about or None, "process": anomaly.process,
                "subject": anomaly.subject or None, "tie": anomaly.tie or None,
            }  # fmt: skip
        case HostEvent(type_, about):
            found = {"type": type_, "more": about or None}
    return {name: _text(value) if isinstance(value, str) else value for name, value in found.items()}


def _asker(asker: Asker | None) -> tuple[Value, ...]:
    return (None,) * 4 if asker is None else (_text(asker.user), asker.auid, _text(asker.command), str(asker.id))


def _time(millis: int | None) -> datetime | None:
    return None if millis is None else _EPOCH + timedelta(milliseconds=millis)


def _text(value: str | None) -> str | None:
    """The same, but for bytes that are no UTF-8, which are written `\\xNN`."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
