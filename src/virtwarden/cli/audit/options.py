"""Options that the audit commands share: which logs, which time, which guests; and how what was skipped is told."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import islice
from typing import NamedTuple

from virtwarden.cli import UsageError
from virtwarden.cli.parsing import Parser
from virtwarden.events.known import DEFAULT
from virtwarden.events.model import Event, Kind, Session, Skipped
from virtwarden.events.times import Window, window


def add_files(parser: Parser) -> None:
    """Which logs."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE",
        help=f"logs, or folders with audit.log files ({DEFAULT}); - is standard input",
    )  # fmt: skip


def add_window(parser: Parser) -> None:
    """Which logs, which time, which guests."""
    add_files(parser)
    group = parser.add_argument_group("what is shown (all unless told otherwise)")
    group.add_argument(
        "--start", metavar="WHEN", help="2026-11-30, '2026-11-30 14:05', 14:05:00, today, boot, recent …"
    )
    group.add_argument("--end", metavar="WHEN", help="the same; a day means its end")
    group.add_argument("--vm", metavar="NAME", help="guests of this name; * and ? stand for others")
    group.add_argument("--uuid", metavar="UUID", help="the guest with this uuid")
    group.add_argument("--host", metavar="NODE", help="of this host only")


def add_kinds(parser: Parser) -> None:
    """Which kinds of events."""
    parser.add_argument(
        "--kind", action="append", choices=[str(kind) for kind in Kind],
        help="only events of this kind; may be given again",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="also denials and anomalies that are about no guest")


def add_form(parser: Parser) -> None:
    """In which form."""
    forms = parser.add_mutually_exclusive_group()
    for form in ("json", "csv"):
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=f"as {form.upper()}")
    forms.add_argument("--parquet", type=_file, metavar="FILE", help="into a Parquet file")
    parser.set_defaults(form="text")


def _file(path: str) -> str:
    if not path:
        raise UsageError("--parquet names no file")
    return path


def write_out(pieces: Iterable[str]) -> None:
    """Write to standard output, a lot at a time; bytes that are no UTF-8 go out as they came in."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and out.errors != "backslashreplace":
        out.reconfigure(errors="surrogateescape")
    left = iter(pieces)
    while lot := list(islice(left, _LOT)):
        out.write("".join(lot))
    out.flush()


_LOT = 500


class Choice(NamedTuple):
    """What the options ask for."""

    files: list[str]
    window: Window
    vm: str | None
    uuid: str | None
    host: str | None

    @property
    def is_narrow(self) -> bool:
        """Whether anything is left out."""
        return self.window != (None, None) or any(each is not None for each in (self.vm, self.uuid, self.host))

    def session(self, session: Session) -> bool:
        """Whether a session is meant: it went on in the window, however long before it began."""
        return (
            self._guest(session.guest, session.uuid, session.host)
            and self.window.touches(session.started, session.ended)
        )  # fmt: skip

    def event(self, event: Event) -> bool:
        """Whether an event is meant. What a host does is meant unless a guest is named."""
        if not self.window.holds(event.id.millis):
            return False
        if event.guest is None and event.uuid is None:
            named = self.vm is not None or self.uuid is not None
            return not named and (self.host is None or event.host == self.host)
        return self._guest(event.guest or "", event.uuid or "", event.host)

    def _guest(self, guest: str, uuid: str, host: str) -> bool:
        return (
            (self.vm is None or guest == self.vm or fnmatchcase(guest, self.vm))
            and (self.uuid is None or uuid.lower() == self.uuid)
            and (self.host is None or host == self.host)
        )  # fmt: skip


def window_of(options: argparse.Namespace) -> Choice:
    """What the options ask for. Raises `Complaint`."""
    return Choice(
        options.files or [DEFAULT], window(options.start, options.end), options.vm,
        options.uuid and options.uuid.lower(), options.host,
    )  # fmt: skip


def is_about_guests(event: Event) -> bool:
    """Whether an event is about a guest or a host, and no denial that concerns neither."""
    return event.session is not None or event.kind not in _OF_ANYBODY


_OF_ANYBODY = frozenset((Kind.DENIAL, Kind.ANOMALY))


@contextmanager
def telling() -> Iterator[Skipped]:
    """What is skipped meanwhile is told on standard error at the end."""
    skipped = Skipped()
    try:
        yield skipped
    finally:
        if skipped != Skipped():
            from virtwarden.report.audit.skipped import sentences  # noqa: PLC0415  # mostly there is nothing to tell

            for sentence in sentences(skipped):
                print(f"virt-warden: {sentence}", file=sys.stderr)
