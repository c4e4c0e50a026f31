"""Tables of blank- or colon-separated columns: fstab, mounts, crypttab, swaps, passwd, group.

Blanks inside a column of the first four are written as octal escapes (`\\040`), which are decoded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.formats import Malformed

_FIELD = re.compile(r"[^ \t\r]+")
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A row of fstab or of /proc/mounts: what is mounted, where, as which file system, with which options."""

    source: str
    target: str
    kind: str
    options: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Crypt:
    """A row of crypttab: the mapping's name, its device, its key (None: a passphrase is asked for)."""

    name: str
    device: str
    key: str | None
    options: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Swap:
    """A row of /proc/swaps; sizes in KiB."""

    path: str
    kind: str
    size: int
    line: int


@dataclass(frozen=True, slots=True)
class User:
    """A row of passwd, without its password column."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    line: int


@dataclass(frozen=True, slots=True)
class Group:
    """A row of group; `members` are those who belong to it besides those who have it as their first."""

    name: str
    gid: int
    members: tuple[str, ...]
    line: int


def rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The line number and the columns of each row that is neither empty nor a comment."""
    for number, raw in enumerate(text.split("\n"), 1):
        fields = _FIELD.findall(raw)
        if fields and not fields[0].startswith("#"):
            yield number, [_decoded(field) for field in fields]


def mounts(text: str) -> tuple[Mount, ...]:
    """The rows of fstab, /proc/mounts or /etc/mtab."""
    found: list[Mount] = []
    for number, fields in rows(text):
        if len(fields) < 3:
            raise Malformed("expected what to mount, where and as what", number)
        options = fields[3] if len(fields) > 3 else "defaults"
        found.append(Mount(fields[0], fields[1], fields[2], tuple(options.split(",")), number))
    return tuple(found)


def crypttab(text: str) -> tuple[Crypt, ...]:
    """The rows of crypttab."""
    found: list[Crypt] = []
    for number, fields in rows(text):
        if len(fields) < 2:
            raise Malformed("expected a name and a device", number)
        key = fields[2] if len(fields) > 2 and fields[2] not in ("none", "-") else None
        options = tuple(fields[3].split(",")) if len(fields) > 3 else ()
        found.append(Crypt(fields[0], fields[1], key, options, number))
    return tuple(found)


def swaps(text: str) -> tuple[Swap, ...]:
    """The rows of /proc/swaps, its heading left out."""
    found: list[Swap] = []
    for number, fields in rows(text):
        if fields[0] == "Filename":
            continue
        if len(fields) < 3:
            raise Malformed("expected a path, a type and a size", number)
        found.append(Swap(fields[0], fields[1], _number(fields[2], number), number))
    return tuple(found)


def passwd(text: str) -> tuple[User, ...]:
    """The rows of passwd; rows that stand for a directory service (`+` and `-`) are left out."""
    return tuple(
        User(fields[0], _number(fields[2], line), _number(fields[3], line), fields[5], fields[6], line)
        for line, fields in _colons(text, 7)
    )


def group(text: str) -> tuple[Group, ...]:
    """The rows of group; rows that stand for a directory service (`+` and `-`) are left out."""
    return tuple(
        Group(fields[0], _number(fields[2], line), tuple(filter(None, fields[3].split(","))), line)
        for line, fields in _colons(text, 4)
    )


def _colons(text: str, width: int) -> Iterator[tuple[int, list[str]]]:
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line[0] in "#+-":
            continue
        fields = line.split(":")
        if len(fields) < width:
            raise Malformed(f"expected {width} columns, found {len(fields)}", number)
        yield number, fields


def _number(text: str, line: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Malformed("expected a number", line)
    return int(text)


def _decoded(field: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), field) if "\\" in field else field
