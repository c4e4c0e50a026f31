"""What an archive of the sos tool says about itself: which commands it ran, and what it knows not to exist.

sos leaves out what is not there and what it was not told to collect alike; only its own listings tell the two
apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

_ENTRY = re.compile(
    r"[bcdlps-][rwxsStTl-]{9}[.+@]? {1,8}\d{1,9} {1,64}\S{1,64} {1,64}\S{1,64} {1,64}"
    r"(?:\S{1,256}:\S{1,256} {1,64})?(?:\d{1,9}, {1,64})?[\d.,KMGTP]{1,32} {1,8}"
    r"(?:[A-Z][a-z]{2} {1,4}\d{1,2} {1,4}[\d:]{4,8}|\d{4}-\d\d-\d\d \d\d:\d\d\S{0,16}(?: [+-]\d{4})?) "
    r"(?P<name>.{1,4096})"
)


class _Files(msgspec.Struct, frozen=True):
    specification: str = ""
    files_copied: list[str] = []


class _Command(msgspec.Struct, frozen=True):
    exec: str = ""
    filepath: str | None = None
    return_code: int | None = None


class _Plugin(msgspec.Struct, frozen=True):
    files: list[_Files] = []
    commands: list[_Command] = []


class _Report(msgspec.Struct, frozen=True):
    plugins: dict[str, _Plugin] = {}


class _Components(msgspec.Struct, frozen=True):
    report: _Report = _Report()


class _Manifest(msgspec.Struct, frozen=True):
    components: _Components = _Components()


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that sos ran: where its output is, if it is, and how it ended, if that is known."""

    path: str | None
    code: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """sos's own account of a run: the commands, and the directories that were copied as a whole."""

    commands: dict[str, Ran] = field(default_factory=dict)
    copied: frozenset[str] = frozenset()


def manifest(text: bytes) -> Manifest:
    """Parse `sos_reports/manifest.json`; one that cannot be read tells nothing."""
    try:
        read = msgspec.json.decode(text, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Manifest()
    plugins = read.components.report.plugins.values()
    commands = {
        unrooted(command.exec): Ran(command.filepath, command.return_code)
        for plugin in plugins
        for command in plugin.commands
    }
    copied = {name.strip("/") for plugin in plugins for files in plugin.files for name in files.files_copied}
    return Manifest(commands, frozenset(copied))


def unrooted(command: str) -> str:
    """A command line without the directory that its program is in."""
    return re.sub(r"^/(?:usr/)?s?bin/", "", command)


def mangled(argv: Iterable[str]) -> str:
    """The name of the file that sos writes a command's output to."""
    name = re.sub(r"[^\w\-./]+", "_", unrooted(" ".join(argv)))
    return name.replace("/", ".").strip(" ._-")[:255]


def listings(file: str, text: str) -> dict[str, frozenset[str]]:
    """The directories that the output of `ls -lR` lists, each with the names in it.

    `file` is the name that sos gave the output. A section that cannot be understood in full is left out, and so
    is one of a directory that the command was not asked about: a file's name can look like a listing.
    """
    found: dict[str, frozenset[str]] = {}
    for section in re.split(r"\n\n+", text.strip("\n")):
        heading, _, rest = section.partition("\n")
        first, _, entries = rest.partition("\n")
        if not (heading.startswith("/") and heading.endswith(":") and first.startswith("total ")):
            continue
        if not _asked(file, heading[:-1]):
            continue
        lines = [_ENTRY.fullmatch(line) for line in entries.split("\n") if line]
        names = frozenset(line["name"].partition(" -> ")[0] for line in lines if line is not None)
        if None not in lines:
            found[heading[:-1].rstrip("/") or "/"] = names
    return found


def _asked(file: str, directory: str) -> bool:
    """Whether the name of a file of output tells of a command about this directory, or one above it."""
    parts = directory.strip("/").split("/")
    above = ("." + mangled((".".join(parts[:depth]),)) for depth in range(1, len(parts) + 1))
    return any(f"_{name}_" in f"{file}_" for name in above)
