"""`virt-warden audit summary`: what happened, counted by host and guest."""

from __future__ import annotations

import sys

from virtwarden import events
from virtwarden.cli import PASSED
from virtwarden.cli.audit.options import Choice, add_window, telling, window_of
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.extent import extent
from virtwarden.events.logs import find
from virtwarden.events.model import Event, Kind, Session
from virtwarden.report.audit.counts import Counts


def run(words: list[str]) -> int:
    """Count and print."""
    chosen = options().parse_args(words)
    choice = window_of(chosen)
    with telling() as skipped:
        counts = Counts(choice.window, extent(find(choice.files)))
        for each in events.told(choice.files, skipped):
            if isinstance(each, Session):
                if choice.session(each):
                    counts.session(each)
                continue
            counts.reach(each.id.millis)
            if _is_meant(each, choice):
                counts.event(each)
        counts.close()
    sys.stdout.write(_text(counts, "json" if chosen.json else "text"))
    return PASSED


def _is_meant(event: Event, choice: Choice) -> bool:
    """Whether an event counts; a host's boots and shutdowns do also where a guest is named."""
    if event.kind in (Kind.BOOT, Kind.SHUTDOWN):
        return choice.window.holds(event.id.millis) and choice.host in (None, event.host)
    return choice.event(event)


def _text(counts: Counts, form: str) -> str:
    from virtwarden.report.audit.summary import as_json, render  # noqa: PLC0415  # rich is slow to import
    from virtwarden.report.layout import style_for  # noqa: PLC0415

    return as_json(counts) if form == "json" else render(counts, style_for(sys.stdout), None)


def options() -> Parser:
    """The options of this command."""
    made = parser("audit summary", "What happened, counted by host and guest.")
    add_window(made)
    made.add_argument("--json", action="store_true", help="as JSON, with every guest")
    return made
