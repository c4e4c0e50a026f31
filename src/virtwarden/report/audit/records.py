"""Records of an event as text: interpreted, the last one first as ausearch orders them, or as they stand in the log."""

from __future__ import annotations

from virtwarden.events.interpret import Interpreter
from virtwarden.report.visible import visible

SEPARATOR = "----"


def interpreted(records: list[bytes], interpreter: Interpreter) -> str:
    """An event's records with names for numbers, below a line that parts it from the one before."""
    lines = [visible(interpreter.record(record)) for record in reversed(records)]
    return "\n".join((SEPARATOR, *lines, ""))


def raw(records: list[bytes]) -> str:
    """The records as they stand in the log, made harmless to show in a terminal."""
    return "".join(f"{visible(record.decode('utf-8', 'surrogateescape'))}\n" for record in records)
