"""`virt-warden audit follow`: what happens to guests, told as it is written to the log."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator

from virtwarden.cli import PASSED
from virtwarden.cli.audit.options import add_files, add_kinds, is_about_guests, telling, window_of
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events import Event, Following, Skipped
from virtwarden.events.follow import Tail, follow, follow_all, rotated, take_in
from virtwarden.events.known import DEFAULT
from virtwarden.events.model import Kind


def run(words: list[str]) -> int:
    """Print events as they come, until interrupted."""
    chosen = options().parse_args(words)
    choice = window_of(chosen)
    kinds = frozenset(chosen.kind or list(Kind))
    with telling() as skipped:
        found = (
            each for each in _followed(chosen.files or [DEFAULT], chosen, skipped)
            if each.kind in kinds and (chosen.all or is_about_guests(each)) and choice.event(each)
        )  # fmt: skip
        for line in _lines(found, chosen):
            sys.stdout.write(line)
            sys.stdout.flush()
    return PASSED


def _followed(paths: list[str], chosen: argparse.Namespace, skipped: Skipped) -> Iterator[Event]:
    told = Following(skipped)
    older, live = rotated(paths)
    tails = [(Tail(log.path, skipped), log.host) for log in live]
    before = take_in(older, told, skipped)
    if chosen.from_start:
        yield from before
        yield from follow_all(tails, told, time.sleep, time.monotonic)
    for _ in before:
        pass
    yield from follow(tails, told, time.sleep, time.monotonic)


def _lines(found: Iterable[Event], chosen: argparse.Namespace) -> Iterator[str]:
    if chosen.json:
        from virtwarden.report.audit.told import encoded_row, event_row  # noqa: PLC0415

        return (encoded_row(event_row(each)) + "\n" for each in found)
    from virtwarden.report.audit.lines import EventLines, no_proof  # noqa: PLC0415

    return map(EventLines(no_proof), found)


def options() -> Parser:
    """The options of this command."""
    made = parser("audit follow", "What happens to guests, told as it is written to the log, over its rotation.")
    add_files(made)
    group = made.add_argument_group("what is shown (all unless told otherwise)")
    group.add_argument("--vm", metavar="NAME", help="guests of this name; * and ? stand for others")
    group.add_argument("--uuid", metavar="UUID", help="the guest with this uuid")
    group.add_argument("--host", metavar="NODE", help="of this host only")
    add_kinds(made)
    made.add_argument("--from-start", action="store_true", help="begin with what the logs have already")
    made.add_argument("--json", action="store_true", help="each event as a JSON object on a line of its own")
    made.set_defaults(start=None, end=None)
    return made
