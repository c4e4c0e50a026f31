"""Sectioned files in which repetition means something: systemd units and drop-ins, .netdev and .network files,
NetworkManager's keyfiles.

An option may stand many times: the last one holds, or all of them make a list that an empty assignment begins
anew. Drop-ins are read by laying their entries after those of the unit. Grammar: systemd.syntax(7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from virtwarden.formats import Malformed

_COMMENTS = ("#", ";")
_BLANKS = " \t\r"


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment, the section it stands in, and the file and line where it begins."""

    section: str
    key: str
    value: str
    line: int
    path: str = ""


def parse(text: str, path: str = "") -> tuple[Entry, ...]:
    """All assignments in order. Lines that systemd ignores with a warning are left out: those with no `=`, and
    those before the first section. Raises `Malformed` for a section header that is never closed."""
    return tuple(_entries(text, path))


def _entries(text: str, path: str) -> Iterator[Entry]:
    section = ""
    for number, line in _logical_lines(text):
        if line.startswith("["):
            if not line.endswith("]"):
                raise Malformed("a section header without its closing bracket", number)
            section = line[1:-1]
            continue
        key, separator, value = line.partition("=")
        key = key.strip(_BLANKS)
        if separator and key and section:
            yield Entry(section, key, value.strip(_BLANKS), number, path)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations joined; comments may stand between the parts."""
    parts: list[str] = []
    start = 0
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.rstrip("\r").lstrip(_BLANKS)
        if line.startswith(_COMMENTS) or (not line and not start):
            continue
        start = start or number
        if (len(line) - len(line.rstrip("\\"))) % 2:
            parts.append(line[:-1])
            continue
        yield start, " ".join([*parts, line]).strip(_BLANKS)
        parts, start = [], 0
    if start:
        yield start, " ".join(parts).strip(_BLANKS)


def last(entries: Iterable[Entry], section: str, key: str) -> Entry | None:
    """The assignment of `key` that holds where it takes one value: the last."""
    found = None
    for entry in entries:
        if entry.section == section and entry.key == key:
            found = entry
    return found


def every(entries: Iterable[Entry], section: str, key: str) -> tuple[Entry, ...]:
    """The assignments of `key` that hold where it takes a list: all since the last empty one."""
    found: list[Entry] = []
    for entry in entries:
        if entry.section != section or entry.key != key:
            continue
        if entry.value:
            found.append(entry)
        else:
            found.clear()
    return tuple(found)


def sections(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The sections that hold anything, in order of their first entry."""
    return tuple(dict.fromkeys(entry.section for entry in entries))
