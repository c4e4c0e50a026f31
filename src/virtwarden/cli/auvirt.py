"""`virt-warden auvirt`: guest sessions with the options and columns of auvirt, for scripts that know it.

docs/reference/auvirt.md lists what is different and why. For people, `virt-warden audit` tells more.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, UsageError

if TYPE_CHECKING:
    from virtwarden.cli.options import Parser
    from virtwarden.events import Skipped
    from virtwarden.events.model import Event, Session
    from virtwarden.report.audit.auvirt import Columns, Row, Wanted

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIMES = ("%H:%M:%S", "%H:%M")
_EVERYTHING = frozenset(("start", "stop", "resrc", "avc", "anom", "down"))
_AT_ONCE = 2000


def run(words: list[str]) -> int:
    """Print the sessions, all events, or a summary."""
    from virtwarden.events import LogError, Skipped  # noqa: PLC0415  # --help needs none of it
    from virtwarden.report.audit import auvirt  # noqa: PLC0415

    chosen = options().parse_args(words)
    wanted, skipped = _wanted(chosen), Skipped()
    told = _told(_paths(chosen), skipped, everything=chosen.all_events or chosen.summary)
    found = auvirt.rows(told, wanted)
    try:
        if chosen.summary:
            sys.stdout.write(auvirt.summary(found))
        else:
            _print(found, _columns(chosen))
    except LogError as wrong:
        raise UsageError(str(wrong)) from wrong
    _say(skipped)
    return PASSED


def _print(found: Iterator[Row], columns: Columns) -> None:
    lines: list[str] = []
    for row in found:
        if row.type in columns.types:
            lines.append(columns.line(row))
            if len(lines) >= _AT_ONCE:
                sys.stdout.write("".join(lines))
                lines.clear()
    sys.stdout.write("".join(lines))


def _told(paths: list[str], skipped: Skipped, *, everything: bool) -> Iterator[Event | Session]:
    """Events, each before the sessions that end with it; without `everything` only what begins and ends sessions."""
    from virtwarden import events  # noqa: PLC0415
    from virtwarden.events.blocks import BLOCK  # noqa: PLC0415
    from virtwarden.events.marks import GUESTS, LIVES  # noqa: PLC0415

    hosts: dict[str, events._Host] = {}
    marks = GUESTS if everything else LIVES
    for host, event in events._events(events.find(paths), hosts, marks, skipped, BLOCK):
        if event is not None:
            yield event
        yield from host.tracker.closed
        host.tracker.closed.clear()
    for host in hosts.values():
        yield from host.tracker.closed


def _paths(chosen: argparse.Namespace) -> list[str]:
    if chosen.stdin:
        return ["-"]
    return [chosen.file] if chosen.file is not None else []


def _columns(chosen: argparse.Namespace) -> Columns:
    from virtwarden.report.audit.auvirt import Columns  # noqa: PLC0415

    everything = chosen.all_events
    types = _EVERYTHING if everything else frozenset(("start",))
    return Columns(types, typed=everything, uuid=chosen.show_uuid, proof=chosen.proof)


def _wanted(chosen: argparse.Namespace) -> Wanted:
    from virtwarden.report.audit.auvirt import Wanted  # noqa: PLC0415

    if chosen.uuid is not None and not _UUID.fullmatch(chosen.uuid):
        raise UsageError(f"{chosen.uuid} is no uuid; one looks like 0c3d4ac1-bd79-4986-b1bd-cb01fadf4116")
    return Wanted(
        chosen.vm,
        chosen.uuid,
        None if chosen.start is None else _span("--start", chosen.start)[0],
        None if chosen.end is None else _span("--end", chosen.end)[1],
    )


def _span(option: str, words: Sequence[str]) -> tuple[int, int]:
    """The first and the last millisecond of what a date and a time name: a date alone is that whole day."""
    date, clock = (words[0], words[1] if len(words) == 2 else None)
    if len(words) == 1 and ":" in date and "T" not in date:
        date, clock = "today", date
    if len(words) > 2:
        raise UsageError(f"{option} takes a date and a time, not {' '.join(words)}")
    first, last = _day(option, date)
    if clock is not None:
        at = next((each for each in (_parsed(clock, form) for form in _TIMES) if each), None)
        if at is None:
            raise UsageError(f"{option} {clock} is no time; one looks like 18:00:00")
        first = last = first.replace(hour=at.hour, minute=at.minute, second=at.second)
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000) + 999


def _day(option: str, date: str) -> tuple[datetime, datetime]:
    """The first and the last second of a date or a word, in local time."""
    now = datetime.now().replace(microsecond=0)
    midnight = now.replace(hour=0, minute=0, second=0)
    begins = {
        "now": now,
        "recent": now - timedelta(minutes=10),
        "boot": now - timedelta(seconds=int(time.clock_gettime(time.CLOCK_BOOTTIME))),
        "this-hour": now.replace(minute=0, second=0),
        "week-ago": midnight - timedelta(days=7),
        "this-week": midnight - timedelta(days=(midnight.weekday() + 1) % 7),
        "this-month": midnight.replace(day=1),
        "this-year": midnight.replace(month=1, day=1),
    }
    if date in begins:
        return begins[date], begins[date] if date in ("recent", "boot", "week-ago") else now
    days = {"today": midnight, "yesterday": midnight - timedelta(days=1)}
    whole = days.get(date) or next((day for day in (_parsed(date, form) for form in _forms()) if day), None)
    if whole is None:
        raise UsageError(
            f"{option} {date} is no date; one looks like {midnight:%Y-%m-%d}, {midnight:%x} or yesterday"
        )
    clocked = "T" in date and ":" in date
    return whole, whole if clocked else whole + timedelta(hours=23, minutes=59, seconds=59)


def _forms() -> list[str]:
    """How dates are written: ISO, and as the locale has it, with the year in two digits or four."""
    import locale  # noqa: PLC0415  # only where a date is given

    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "")
        local = locale.nl_langinfo(locale.D_FMT)
    except locale.Error:
        local = "%m/%d/%y"
    finally:
        locale.setlocale(locale.LC_TIME, before)
    return [
        "%Y-%m-%d",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M",
        local.replace("%Y", "%y"),
        local.replace("%y", "%Y"),
    ]


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _say(skipped: Skipped) -> None:
    """What could not be used, on standard error."""
    counts = (
        (skipped.malformed, "malformed"), (skipped.too_long, "too long"), (skipped.late, "too late"),
    )  # fmt: skip
    said = [f"{count} {what}" for count, what in counts if count]
    if said:
        print(f"virt-warden: records skipped: {', '.join(said)}", file=sys.stderr)
    for sentence in skipped.damaged:
        print(f"virt-warden: {sentence}", file=sys.stderr)


def options() -> Parser:
    """The options of this command, named as auvirt's."""
    from virtwarden.cli.options import parser  # noqa: PLC0415

    made = parser("auvirt", "List guest sessions as auvirt does. Exit code: 0 done, 3 wrong usage.")
    made.add_argument(
        "-a", "--all-events", action="store_true", help="also stops, resources, denials, anomalies, host"
    )
    made.add_argument("-s", "--summary", action="store_true", help="only numbers")
    made.add_argument("-u", "--uuid", metavar="UUID", help="only this guest")
    made.add_argument("-v", "--vm", metavar="NAME", help="only this guest")
    made.add_argument("-ts", "--start", nargs="+", metavar="DATE", help="from this date [and time] on")
    made.add_argument(
        "-te", "--end", nargs="+", metavar="DATE", help="up to this date [and time]; a date is all of it"
    )
    which = made.add_mutually_exclusive_group()
    which.add_argument("-f", "--file", metavar="FILE", help="a log, or a folder of rotated ones (/var/log/audit)")
    which.add_argument("--stdin", action="store_true", help="read standard input")
    made.add_argument("--show-uuid", action="store_true", help="a column with the uuid")
    made.add_argument("--proof", action="store_true", help="below each line the ids of its events")
    made.add_argument(
        "--debug", action="store_true", help="accepted and without effect: what is skipped is always said"
    )
    return made
