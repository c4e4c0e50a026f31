"""`virt-warden audit timeline`: a guest's sessions, resources, denials and anomalies along time, as a picture."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable

from virtwarden import events
from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.audit.options import Choice, telling, window_of
from virtwarden.cli.output import deliver
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.extent import extent
from virtwarden.events.known import DEFAULT
from virtwarden.events.logs import find
from virtwarden.events.model import Event, Kind, Session
from virtwarden.report.audit.chart import Chart, Frame, chart
from virtwarden.report.visible import visible

Extent = tuple[int | None, int | None]
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def run(words: list[str]) -> int:
    """Draw the guest's timeline."""
    chosen = options().parse_intermixed_args(words)
    if chosen.svg == chosen.html == "-":
        raise UsageError("standard output takes the picture or the page, not both; name a file for one of them")
    choice = _of(chosen.guest, window_of(chosen))
    with telling() as skipped:
        drawn = _chart(chosen.guest, choice, events.told(choice.files, skipped), extent(find(choice.files)))
    if not drawn.tracks:
        when = " in that time" if choice.window.start is not None or choice.window.end is not None else ""
        raise UsageError(f"the logs tell nothing of a guest {visible(chosen.guest)}{when}")
    _deliver(drawn, chosen)
    return PASSED


def _of(guest: str, choice: Choice) -> Choice:
    """The choice of one guest, by its name or uuid."""
    return choice._replace(uuid=guest.lower()) if _UUID.fullmatch(guest) else choice._replace(vm=guest)


def _chart(guest: str, choice: Choice, told: Iterable[Event | Session], extent: Extent) -> Chart:
    """The chart of what is told of the guest and of its hosts, in a log that goes from when to when."""
    first, last = extent
    sessions: list[Session] = []
    kept: list[Event] = []
    anytime = choice._replace(window=choice.window._replace(start=None, end=None))
    for each in told:
        if isinstance(each, Session):
            if anytime.session(each):
                sessions.append(each)
            continue
        first = each.id.millis if first is None else min(first, each.id.millis)
        last = each.id.millis if last is None else max(last, each.id.millis)
        if each.kind in (Kind.BOOT, Kind.SHUTDOWN) or anytime.event(each):
            kept.append(each)
    frame = Frame(choice.window.start, choice.window.end, None, first, last)
    names = list(dict.fromkeys(session.guest for session in sessions))
    return chart(names[-1] if len(names) == 1 else guest, sessions, kept, frame)


def _deliver(drawn: Chart, chosen: argparse.Namespace) -> None:
    if chosen.svg is None and chosen.html is None:
        from virtwarden.report.audit.timeline import render  # noqa: PLC0415  # rich is slow to import
        from virtwarden.report.layout import style_for  # noqa: PLC0415

        sys.stdout.write(render(drawn, style_for(sys.stdout)))
        return
    from virtwarden.report.audit.drawing import svg  # noqa: PLC0415  # as is jinja2
    from virtwarden.report.audit.page import pieces  # noqa: PLC0415

    if chosen.svg is not None:
        deliver([svg(drawn)], None if chosen.svg == "-" else chosen.svg)
    if chosen.html is not None:
        deliver(pieces(drawn), None if chosen.html == "-" else chosen.html)


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "audit timeline",
        "A guest's sessions, resources, denials and anomalies along time: in the terminal, as SVG or as a page.",
    )
    made.add_argument("guest", metavar="GUEST", help="its name or uuid; in a name, * and ? stand for others")
    made.add_argument(
        "files", nargs="*", default=[], metavar="FILE",
        help=f"logs, or folders with audit.log files ({DEFAULT}); - is standard input",
    )  # fmt: skip
    made.add_argument("--start", metavar="WHEN", help="from when on, as audit sessions takes it")
    made.add_argument("--end", metavar="WHEN", help="until when; a day means its end")
    made.add_argument("--host", metavar="NODE", help="on this host only")
    made.set_defaults(vm=None, uuid=None)  # GUEST is either
    made.add_argument("--svg", metavar="PICTURE", help="write an SVG there; - is standard output")
    made.add_argument(
        "--html",
        metavar="PAGE",
        help="write a page there, with the sessions and denials in words; - is standard output",
    )
    return made
