"""Audit logs to what happened to guests: events, and the sessions that they make up.

    for session in sessions(["/var/log/audit"], Skipped()):
        print(session.guest, session.started, session.ending)

Logs are read in one pass with little memory, whatever their size. What could not be used is counted in `Skipped`.
`read(paths)` gives a data frame of events (with the extra `columns`).

What is not asked for is not imported: an event is shown in milliseconds.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers take it; importing typing takes as long as showing an event
if TYPE_CHECKING:
    from virtwarden.events.columns.frames import events_frame as read
    from virtwarden.events.logs import Log, LogError, find
    from virtwarden.events.model import Event, Session, Skipped
    from virtwarden.events.reading import Following, brief_sessions, events, lives, sessions, told

__all__ = [
    "Event", "Following", "Log", "LogError", "Session", "Skipped", "brief_sessions", "events", "find", "lives", "read",
    "sessions", "told",
]  # fmt: skip
_HOMES = {
    **dict.fromkeys(("Event", "Session", "Skipped"), "model"),
    **dict.fromkeys(("Log", "LogError", "find"), "logs"),
    **dict.fromkeys(("Following", "brief_sessions", "events", "lives", "sessions", "told"), "reading"),
    "read": "columns.frames",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(f"{__name__}.{home}"), "events_frame" if name == "read" else name)
