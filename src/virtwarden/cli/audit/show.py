"""`virt-warden audit show`: the records of events, as they stand in the log.

This is over before most imports would be: only what every call needs is imported at once.
"""

from __future__ import annotations

import sys

from virtwarden.cli import FAILED, PASSED
from virtwarden.complaint import Complaint
from virtwarden.events.known import DEFAULT
from virtwarden.events.locate import locate, wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from virtwarden.cli.parsing import Parser


def run(words: list[str]) -> int:
    """Print the records of every event that is named."""
    ids, files, interpret = _read(words)
    missing = False
    damaged: list[str] = []
    for each in ids:
        event = wanted(each)
        found = locate(files, event, damaged)
        if not found:
            missing = True
            where = f"what could be read of {' '.join(files)}" if damaged else " ".join(files)
            print(f"virt-warden: there is no event {each} in {where}", file=sys.stderr)
        for host, records in found:
            if host and event.node is None:
                _name(host)
            _print(records, interpret)
    sys.stdout.flush()
    if damaged:
        _tell(damaged)
    return FAILED if missing else PASSED


def _tell(sentences: list[str]) -> None:
    from virtwarden.report.visible import visible  # noqa: PLC0415

    for sentence in dict.fromkeys(sentences):
        print(f"virt-warden: {visible(sentence)}", file=sys.stderr)


def _name(host: str) -> None:
    """Whose the event below is, where the logs are of several hosts and its records do not say it."""
    from virtwarden.report.visible import visible  # noqa: PLC0415

    sys.stdout.write(f"# {visible(host)}\n")
    sys.stdout.flush()  # records go out as bytes, past what is held here


def _read(words: list[str]) -> tuple[list[str], list[str], str]:
    """The ids, the files, and how records are told. Anything but the simplest is left to the parser."""
    ids: list[str] = []
    files: list[str] = []
    interpret = ""
    given = iter(words)
    for word in given:
        if word in ("-f", "--file") and (path := next(given, "")):
            files.append(path)
        elif word in ("-i", "--interpret"):
            interpret = "interpret"
        elif word[:1] == "-" or not word:
            chosen = options().parse_args(words)
            return chosen.id, chosen.file or [DEFAULT], "interpret" if chosen.interpret else ""
        else:
            ids.append(word)
    if not ids:
        raise Complaint("name an event; virt-warden audit show --help shows how")
    return ids, files or [DEFAULT], interpret


def _print(records: list[bytes], interpret: str) -> None:
    if interpret:
        from virtwarden.cli.audit.search import use_times_of_locale  # noqa: PLC0415
        from virtwarden.events.interpret import Interpreter  # noqa: PLC0415
        from virtwarden.report.audit.records import interpreted  # noqa: PLC0415

        use_times_of_locale()
        sys.stdout.write(interpreted(records, Interpreter()))
    elif sys.stdout.isatty():
        from virtwarden.report.audit.records import raw  # noqa: PLC0415

        sys.stdout.write(raw(records))
    else:
        sys.stdout.buffer.write(b"\n".join((*records, b"")))


def options() -> Parser:
    """The options of this command."""
    from virtwarden.cli.parsing import parser  # noqa: PLC0415

    made = parser("audit show", "The records of events, as they stand in the log.")
    made.add_argument("id", nargs="+", metavar="ID", help="SERIAL, SECONDS.MILLIS:SERIAL, or either behind HOST/")
    made.add_argument(
        "-f", "--file", action="append", metavar="LOG", help=f"a log or a folder of logs ({DEFAULT})"
    )
    made.add_argument("-i", "--interpret", action="store_true", help="names for numbers, and plain text")
    return made
