"""Files of one setting a line: shell assignments, `key = value`, `key: value`, `key value`.

`assignments` reads what a shell would source (/etc/default, /etc/sysconfig, os-release, ifcfg files);
`settings` reads the simpler ones (auditd.conf, sysctl.d, SASL's conf files, login.defs). Pairs keep their order
and their repetitions: which of two equal keys holds is for the reader of each file to know, and `last` and
`first` are there to say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from virtwarden.formats import Malformed

_START = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?P<more>\+?)=[ \t]*")
_END_OF_LINE = re.compile(r"[^\n]*\n?")
_PIECE = re.compile(
    r"""(?P<single>'[^']*')
      | (?P<double>"(?:[^"\\]|\\.)*")
      | (?P<joined>\\\r?\n)
      | \\(?P<escaped>.)
      | (?P<space>[ \t\r]+)
      | (?P<bare>[^\s'"\\;&|]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_VARIABLE = r"\$(?:\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<plain>[A-Za-z_][A-Za-z0-9_]*))"
_IN_DOUBLE = re.compile(rf'\\(?:(?P<escaped>["\\$`])|\r?\n)|{_VARIABLE}')
_IN_BARE = re.compile(_VARIABLE)
_BLANKS = " \t\r"
_WORD_AND_REST = re.compile(r"([^ \t]*)[ \t]*(.*)", re.DOTALL)
_MOST_VARIABLES = 100
_LONGEST_VALUE = 1 << 16
_ROOM = 1 << 20


@dataclass(frozen=True, slots=True)
class Pair:
    """One setting: its key, its value, and its line counted from 1."""

    key: str
    value: str
    line: int


def last(pairs: Iterable[Pair], key: str) -> Pair | None:
    """The last setting of `key`, which holds in a file that is sourced."""
    found = None
    for pair in pairs:
        if pair.key == key:
            found = pair
    return found


def first(pairs: Iterable[Pair], key: str) -> Pair | None:
    """The first setting of `key`."""
    return next((pair for pair in pairs if pair.key == key), None)


def assignments(text: str, known: Mapping[str, str] | None = None) -> tuple[Pair, ...]:
    """The assignments of a file that a shell sources, in order.

    Quotes are taken off, lines that end in a backslash are joined, `NAME+=` appends, and `$NAME` stands for an
    earlier assignment or one of `known` (left as it is if it is neither). An unquoted value reaches to the end
    of the line, as systemd reads it. Lines that are commands are passed over. Raises `Malformed` where a quote
    is never closed.
    """
    values = dict(known or {})
    pairs: list[Pair] = []
    room = len(text) + _ROOM
    at, line = 0, 1
    while at < len(text):
        found = _START.match(text, at)
        end = at
        if found is not None:
            value, end = _value(text, found.end(), values, line)
            key = found["key"]
            values[key] = values.get(key, "") + value if found["more"] else value
            room -= len(values[key])
            if room < 0:
                raise Malformed("the values grow too long", line)
            pairs.append(Pair(key, values[key], line))
        after = end + 1 if text[end : end + 1] == ";" else _line_end(text, end)
        line += text.count("\n", at, after)
        at = after
    return tuple(pairs)


def _value(text: str, at: int, values: Mapping[str, str], line: int) -> tuple[str, int]:
    parts: list[str] = []
    size = 0
    kind: str | None = "space"
    while (piece := _PIECE.match(text, at)) is not None:
        if kind == "space" and text[at] == "#" and text[at - 1] in _BLANKS:
            break
        kind = piece.lastgroup
        if piece.group().count("$") > _MOST_VARIABLES:
            raise Malformed("too many variables in one word", line)
        parts.append(_plain(piece, values))
        size += len(parts[-1])
        if size > _LONGEST_VALUE:
            raise Malformed("the value grows too long", line)
        at = piece.end()
    if text[at : at + 1] in ("'", '"'):
        raise Malformed("a quote is never closed", line)
    if kind == "space":
        parts = parts[:-1]
    return "".join(parts), at


def _plain(piece: re.Match[str], values: Mapping[str, str]) -> str:
    match piece.lastgroup:
        case "single":
            return piece.group()[1:-1]
        case "double":
            return _IN_DOUBLE.sub(lambda found: _replaced(found, values), piece.group()[1:-1])
        case "joined":
            return ""
        case "escaped":
            return piece["escaped"]
        case "bare":
            return _IN_BARE.sub(lambda found: _named(found, values), piece.group())
        case _:
            return piece.group()


def _replaced(found: re.Match[str], values: Mapping[str, str]) -> str:
    return _named(found, values) if found.group().startswith("$") else found["escaped"] or ""


def _named(found: re.Match[str], values: Mapping[str, str]) -> str:
    return values.get(found["braced"] or found["plain"], found.group())


def _line_end(text: str, at: int) -> int:
    found = _END_OF_LINE.match(text, at)
    return len(text) if found is None else found.end()


def settings(text: str, separator: str = "=", comments: str = "#") -> tuple[Pair, ...]:
    """The lines of a plain settings file: what stands before the separator, and what after, both stripped.

    A separator of one blank stands for any run of blanks. A line without the separator is a key with an empty
    value. Lines that begin with a character of `comments` are passed over; a comment cannot follow a value.
    """
    return tuple(_settings(text, separator, comments))


def _settings(text: str, separator: str, comments: str) -> Iterator[Pair]:
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(_BLANKS)
        if not line or line[0] in comments:
            continue
        if separator == " ":
            key, value = _WORD_AND_REST.findall(line)[0]
            yield Pair(key, value, number)
        else:
            key, _, value = line.partition(separator)
            yield Pair(key.strip(_BLANKS), value.strip(_BLANKS), number)


def sysctl_key(key: str) -> str:
    """A kernel parameter's name in one spelling: dots between its parts, a slash for a dot within a part.

    sysctl.d writes `net/ipv4/conf/eth0.19/forwarding`, `net.ipv4.conf.eth0/19.forwarding`, either of them with
    a leading `-`; all of these name the same one.
    """
    name = key.strip().removeprefix("-").lstrip()
    separator = next((character for character in name if character in "./"), ".")
    return name.translate(_SWAPPED) if separator == "/" else name


_SWAPPED = str.maketrans("./", "/.")
