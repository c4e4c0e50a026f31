"""`virt-warden auvirt`: guest sessions with the options and columns of auvirt, for scripts that know it.

docs/reference/auvirt.md lists what is different and why. For people, `virt-warden audit` tells more.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser

if TYPE_CHECKING:
    from virtwarden.report.audit.auvirt import Columns, Row, Wanted

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EVERYTHING = frozenset(("start", "stop", "resrc", "avc", "anom", "down"))
_AT_ONCE = 2000


def run(words: list[str]) -> int:
    """Print the sessions, all events, or a summary."""
    from virtwarden import events  # noqa: PLC0415  # --help needs none of it
    from virtwarden.cli.audit.options import telling  # noqa: PLC0415
    from virtwarden.report.audit import auvirt  # noqa: PLC0415

    chosen = options().parse_args(words)
    wanted = _wanted(chosen)
    read = events.told if chosen.all_events or chosen.summary else events.lives
    with telling() as skipped:
        found = auvirt.rows(read([_path(chosen)], skipped), wanted)
        if chosen.summary:
            sys.stdout.write(auvirt.summary(found))
        else:
            _print(found, _columns(chosen))
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


def _path(chosen: argparse.Namespace) -> str:
    from virtwarden.events.known import DEFAULT  # noqa: PLC0415
    from virtwarden.events.logs import STDIN  # noqa: PLC0415

    if chosen.stdin:
        return STDIN
    return DEFAULT if chosen.file is None else chosen.file


def _columns(chosen: argparse.Namespace) -> Columns:
    from virtwarden.report.audit.auvirt import Columns  # noqa: PLC0415

    everything = chosen.all_events
    types = _EVERYTHING if everything else frozenset(("start",))
    return Columns(types, typed=everything, uuid=chosen.show_uuid, proof=chosen.proof)


def _wanted(chosen: argparse.Namespace) -> Wanted:
    from virtwarden.events.times import window  # noqa: PLC0415
    from virtwarden.report.audit.auvirt import Wanted  # noqa: PLC0415

    if chosen.uuid is not None and not _UUID.fullmatch(chosen.uuid):
        raise UsageError(f"{chosen.uuid} is no uuid; one looks like 0c3d4ac1-bd79-4986-b1bd-cb01fadf4116")
    start, end = _when("--start", chosen.start), _when("--end", chosen.end)
    return Wanted(chosen.vm, chosen.uuid, window(start, end))


def _when(option: str, words: list[str] | None) -> str | None:
    if words is not None and len(words) > 2:
        raise UsageError(f"{option} takes a date and a time, not {' '.join(words)}")
    return None if words is None else " ".join(words)


def options() -> Parser:
    """The options of this command, named as auvirt's."""
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
