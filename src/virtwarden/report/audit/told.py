"""Sessions and events as rows that JSON, CSV and data frames hold: times in ISO 8601 (UTC), ids as ausearch writes
them, the same columns for every kind of event."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import TypeVar

import msgspec

from virtwarden.events.model import Anomaly, Asker, Control, Denial, Event, HostEvent, Identity, Resource, Session
from virtwarden.report.csvreport import cell
from virtwarden.report.visible import without_surrogates

Value = str | int | bool | None
Row = dict[str, Value]
_T = TypeVar("_T")
_DETAIL = (
    "reason", "type", "old", "new", "more", "by", "permissions", "class", "process", "pid", "subject", "object", "path",
    "auid", "tie",
)  # fmt: skip


def session_row(session: Session) -> Row:
    """A session as a flat row."""
    ended, started = session.ended, session.started
    return {
        "session": session.id, "host": session.host, "guest": session.guest, "uuid": session.uuid,
        "virt": session.virt, "pid": session.pid, "uid": session.user, "user": session.user_name,
        "started": iso(started), "start_reason": session.start_reason, **_asked("start", session.asked),
        "ended": iso(ended), "ending": str(session.ending), "ended_exactly": session.exact,
        **_asked("end", session.end_asked),
        "seconds": None if ended is None or started is None else round((ended - started) / 1000),
        "labels": " ".join(label.process for label in session.labels), "proof": " ".join(map(str, session.proof)),
    }  # fmt: skip


def _asked(which: str, asker: Asker | None) -> Row:
    told = (None, None, None, None) if asker is None else (asker.user, asker.auid, asker.command, str(asker.id))
    names = (f"{which}_asked_by", f"{which}_asked_auid", f"{which}_command", f"{which}_command_id")
    return dict(zip(names, told, strict=True))


def event_row(event: Event) -> Row:
    """An event as a flat row; columns that its kind has not are None."""
    row: Row = {
        "id": str(event.id), "time": iso(event.id.millis), "kind": str(event.kind), "host": event.host,
        "guest": event.guest, "uuid": event.uuid, "session": event.session, "ok": event.ok, "uid": event.user,
        "user": event.user_name,
    }  # fmt: skip
    row.update(dict.fromkeys(_DETAIL))
    row.update(_detail(event))
    return row


def _detail(event: Event) -> Row:
    match event.detail:
        case Control(virt, reason, pid):
            return {"type": virt, "reason": reason, "pid": pid}
        case Identity(label):
            return {"type": label.model, "subject": label.process, "object": label.image}
        case Resource(type_, reason, old, new, more):
            return {"type": type_, "reason": reason, "old": old, "new": new, "more": more or None}
        case Denial() as denial:
            return {
                "type": "denied" if denial.denied else "granted", "by": denial.by, "permissions": denial.permissions,
                "class": denial.target_class, "process": denial.process, "pid": denial.pid, "subject": denial.subject,
                "object": denial.object or None, "path": denial.path, "auid": denial.auid, "tie": denial.tie or None,
            }  # fmt: skip
        case Anomaly() as anomaly:
            return {
                "type": anomaly.type, "pid": anomaly.pid, "more": anomaly.about or None, "process": anomaly.process,
                "subject": anomaly.subject or None, "tie": anomaly.tie or None,
            }  # fmt: skip
        case HostEvent(type_, about):
            return {"type": type_, "more": about or None}


def iso(millis: int | None) -> str | None:
    """A point in time in ISO 8601, in UTC with milliseconds."""
    if millis is None:
        return None
    whole, rest = divmod(millis, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def as_json(each: Iterable[_T], row: Callable[[_T], Row]) -> Iterator[str]:
    """One JSON array, a row a line."""
    before = "[\n"
    for one in each:
        yield before + encoded_row(row(one))
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def encoded_row(row: Row) -> str:
    """A row as a JSON object on one line; bytes that are no UTF-8 are spelled out."""
    told = {name: without_surrogates(value) if isinstance(value, str) else value for name, value in row.items()}
    return _encode(told).decode()


_encode = msgspec.json.Encoder().encode


def as_csv(each: Iterable[_T], row: Callable[[_T], Row], columns: Iterable[str]) -> Iterator[str]:
    """CSV after RFC 4180, with a line of names; no cell is taken for a formula."""
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for one in each:
        writer.writerow([cell(value) if isinstance(value, str) else value for value in row(one).values()])
        if out.tell() > _PIECE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


_PIECE = 65536
EVENT_COLUMNS = (
    "id", "time", "kind", "host", "guest", "uuid", "session", "ok", "uid", "user", *_DETAIL,
)  # fmt: skip
SESSION_COLUMNS = (
    "session", "host", "guest", "uuid", "virt", "pid", "uid", "user", "started", "start_reason", "start_asked_by",
    "start_asked_auid", "start_command", "start_command_id", "ended", "ending", "ended_exactly", "end_asked_by",
    "end_asked_auid", "end_command", "end_command_id", "seconds", "labels", "proof",
)  # fmt: skip
