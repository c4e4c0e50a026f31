"""`virt-warden audit search`: events by the keys of their rules, and by all else that ausearch searches for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from virtwarden.cli import FAILED, PASSED, UsageError
from virtwarden.cli.audit.likeausearch import reworded
from virtwarden.cli.parsing import Parser, parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from virtwarden.events.criteria import Criterion
    from virtwarden.events.search import Found, Wanted

_AT_ONCE = 1 << 16  # characters, or bytes, that are written at once


def run(words: list[str]) -> int:
    """Print the events that are looked for."""
    chosen = options().parse_args(reworded(words))
    from virtwarden.cli.audit.options import telling  # noqa: PLC0415  # --help needs none of it
    from virtwarden.events.known import DEFAULT  # noqa: PLC0415
    from virtwarden.events.logs import find  # noqa: PLC0415
    from virtwarden.events.search import search  # noqa: PLC0415

    with telling() as skipped:
        found = search(find([*chosen.input, *chosen.log] or [DEFAULT]), _wanted(chosen), skipped)
        count = _print_raw(found) if chosen.raw else _print_interpreted(found)
        sys.stdout.flush()
    if not count:
        print("virt-warden: no event has what was looked for", file=sys.stderr)
    return PASSED if count else FAILED


def _print_interpreted(found: Iterator[Found]) -> int:
    from virtwarden.events.interpret import Interpreter  # noqa: PLC0415
    from virtwarden.report.audit.records import interpreted  # noqa: PLC0415

    use_times_of_locale()
    interpreter = Interpreter()
    return _write(interpreted(each.records, interpreter) for each in found)


def _print_raw(found: Iterator[Found]) -> int:
    """Bytes as they are into files and pipes; what a terminal shows is made harmless."""
    if sys.stdout.isatty():
        from virtwarden.report.audit.records import raw  # noqa: PLC0415

        return _write(raw(each.records) for each in found)
    count = 0
    for each in found:
        sys.stdout.buffer.write(b"\n".join((*each.records, b"")))
        count += 1
    return count


def _write(pieces: Iterator[str]) -> int:
    count, held, length = 0, [], 0
    for piece in pieces:
        count += 1
        length += len(piece)
        held.append(piece)
        if length > _AT_ONCE:
            sys.stdout.write("".join(held))
            held, length = [], 0
    sys.stdout.write("".join(held))
    return count


def use_times_of_locale() -> None:
    """Dates are written as the user's locale writes them, as ausearch does."""
    import locale  # noqa: PLC0415
    from contextlib import suppress  # noqa: PLC0415

    with suppress(locale.Error):  # one that is not installed: dates look as in C
        locale.setlocale(locale.LC_TIME, "")


def _wanted(chosen: argparse.Namespace) -> Wanted:
    from virtwarden.events.search import Wanted  # noqa: PLC0415

    empty = next((name for name, value in vars(chosen).items() if value in ("", [""])), None)
    if empty is not None:
        raise UsageError(f"{empty.replace('_', ' ')} is empty; write what is looked for, or leave the option out")
    criteria = tuple(_criteria(chosen))
    if not (criteria or chosen.start or chosen.end or chosen.host):
        raise UsageError("say what is looked for, such as -k virt_; virt-warden audit search --help shows by what")
    if not (chosen.start or chosen.end):
        return Wanted(criteria, node=chosen.host)
    from virtwarden.events.times import window  # noqa: PLC0415

    since, until = window(chosen.start, chosen.end)
    return Wanted(criteria, since, until, chosen.host)


def _criteria(chosen: argparse.Namespace) -> Iterator[Criterion]:
    from virtwarden.events import criteria as by  # noqa: PLC0415

    whole = "whole" if chosen.word else ""
    if chosen.key:
        yield by.with_key(chosen.key, whole)
    for text, criterion in (
        (chosen.guest_with, by.of_guest_with),
        (chosen.comm, by.with_command),
        (chosen.exe, by.with_program),
        (chosen.file, by.with_file),
    ):
        if text:
            yield criterion(text, whole)
    for text, exact in (
        (chosen.guest, by.of_guest),
        (chosen.uuid, by.of_uuid),
        (chosen.syscall, by.of_call),
        (chosen.exit, by.with_exit),
        (chosen.success, by.that_came_out),
    ):
        if text is not None:
            yield exact(text)
    yield from _criteria_of_numbers(chosen)


def _criteria_of_numbers(chosen: argparse.Namespace) -> Iterator[Criterion]:
    from virtwarden.events import criteria as by  # noqa: PLC0415

    if chosen.type:
        from virtwarden.events.interpret.types import spelled  # noqa: PLC0415

        yield by.of_type(spelled(name for names in chosen.type for name in names.split(",")))
    if chosen.event:
        from virtwarden.events.locate import wanted  # noqa: PLC0415

        event = wanted(chosen.event)
        if event.node is not None:
            raise UsageError(f"name the host of {chosen.event} with -n {event.node}, and the event by its number")
        yield by.of_event(event.serial, event.millis)
    if chosen.pid is not None:
        yield by.of_process(chosen.pid)
    for name, fields in (
        (chosen.uid, ("uid",)),
        (chosen.uid_all, ("uid", "euid", "auid")),
        (chosen.auid, ("auid",)),
    ):
        if name:
            yield by.of_user(_user(name), fields)


def _user(name: str) -> int:
    """A user's number. Raises `UsageError`."""
    if name in ("unset", "-1"):
        return 4294967295
    if name.isdecimal():
        return int(name)
    import pwd  # noqa: PLC0415

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise UsageError(f"this host has no user {name}; write the number") from None


def options() -> Parser:
    """The options of this command; those of ausearch have its names too."""
    made = parser("audit search", "Events of audit logs by what their records say, interpreted.")
    made.add_argument(
        "log", nargs="*", metavar="LOG", help="logs, folders of logs, or - (default: /var/log/audit)"
    )
    made.add_argument(
        "-if", "--input", action="append", default=[], metavar="LOG", help="the same, as ausearch has it"
    )
    form = made.add_mutually_exclusive_group()
    form.add_argument("-r", "--raw", action="store_true", help="the records as they stand in the log")
    form.add_argument(
        "-i", "--interpret", action="store_true", help="names for numbers, as it is without this too"
    )
    group = made.add_argument_group("which events: those that have all of this")
    add = group.add_argument
    add(
        "-k", "--key", action="append", metavar="KEY", help="a key of a rule, or a part of it; given again: either"
    )
    add(
        "-m",
        "--type",
        "--message",
        action="append",
        metavar="TYPE",
        help="a type of record, such as AVC, or its number, or several with commas between; ALL is each",
    )
    add("--guest", "--vm", metavar="NAME", help="libvirt's records of a guest; * and ? stand for others")
    add("-vm", "--vm-name", dest="guest_with", metavar="NAME", help="the same, also by a part of the name")
    add("-uu", "--uuid", metavar="UUID", help="the same by the guest's uuid")
    add("-p", "--pid", type=int, metavar="PID", help="a process")
    add("-a", "--event", metavar="ID", help="an event: SERIAL or SECONDS.MILLIS:SERIAL")
    add("-c", "--comm", metavar="COMM", help="a program by the kernel's name of it, or a part of that")
    add("-sc", "--syscall", metavar="CALL", help="a system call, such as openat or 257")
    add("-e", "--exit", metavar="EXIT", help="what a system call gave back: 0, -13 or -EACCES")
    add("-x", "--exe", "--executable", metavar="PROGRAM", help="a program, or a part of its path")
    add("-f", "--file", metavar="FILE", help="a file, or a part of its path")
    add("-sv", "--success", choices=["yes", "no"], help="whether it succeeded")
    add("-ui", "--uid", metavar="USER", help="who ran the program")
    add("-ua", "--uid-all", metavar="USER", help="the same, also as effective user and as who had logged in")
    add("-ul", "--auid", "--loginuid", metavar="USER", help="who had logged in")
    add("-w", "--word", action="store_true", help="what is found by a part must be it whole")
    add("-n", "--host", "--node", metavar="NODE", help="records of one host, where the log has those of several")
    add("-ts", "--start", metavar="WHEN", help="not before: 2026-11-30, '2026-11-30 14:05', today, recent, boot …")
    add("-te", "--end", metavar="WHEN", help="not after; a day means its end")
    return made
