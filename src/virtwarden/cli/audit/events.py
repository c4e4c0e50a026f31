"""`virt-warden audit events`: what happened to guests, one event a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from virtwarden import events
from virtwarden.cli import PASSED
from virtwarden.cli.audit.options import (
    add_form,
    add_kinds,
    add_window,
    is_about_guests,
    telling,
    window_of,
    write_out,
)
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.model import Event
from virtwarden.report.audit.lines import EventLines, event_proof, no_proof


def run(words: list[str]) -> int:
    """Print the events of the window."""
    chosen = options().parse_args(words)
    choice = window_of(chosen)
    with telling() as skipped:
        found: Iterable[Event] = events.events(choice.files, skipped)
        if chosen.kind:
            kinds = frozenset(chosen.kind)
            found = (each for each in found if each.kind in kinds)
        if not chosen.all:
            found = filter(is_about_guests, found)
        if choice.is_narrow:
            found = filter(choice.event, found)
        if chosen.parquet:
            from virtwarden.events.columns import events_to_parquet  # noqa: PLC0415  # an extra

            events_to_parquet(found, chosen.parquet)
        else:
            write_out(_pieces(found, chosen.form, chosen.proof))
    return PASSED


def _pieces(found: Iterable[Event], form: str, proof: object) -> Iterator[str]:
    if form == "text":
        return map(EventLines(event_proof if proof else no_proof), found)
    from virtwarden.report.audit import told  # noqa: PLC0415  # only where it is asked for

    if form == "json":
        return told.as_json(found, told.event_row)
    return told.as_csv(found, told.event_row, told.EVENT_COLUMNS)


def options() -> Parser:
    """The options of this command."""
    made = parser("audit events", "What happened to guests: starts, stops, resources, labels, denials, anomalies.")
    add_window(made)
    add_kinds(made)
    add_form(made)
    made.add_argument("--proof", action="store_true", help="name the record behind each line, and its session")
    return made
