"""libvirt's own configuration grammar: qemu.conf, libvirtd.conf, virtproxyd.conf …

`key = value` a line, or several with `;` between them; a value is an integer, a string in one of three kinds of
quotes, or a list, which may run over lines but has no room for comments; `#` begins a comment. Of two equal
keys the first one holds. Source: virConfParse in libvirt's src/util/virconf.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.formats import Malformed

Value = int | str | tuple["Value", ...]

_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"#[^\r\n]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_STRING = re.compile(r'"""(?=.{4})(?P<long>.*?)"""|"(?P<double>[^"\r\n]*)"|\'(?P<single>[^\'\r\n]*)\'', re.DOTALL)
_LARGEST = (1 << 64) - 1
_DEEPEST_LIST = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment: its key, its value, its line, and where in the text key and value stand."""

    key: str
    value: Value
    line: int
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class Conf:
    """A parsed file; `text` is what it was parsed from."""

    text: str
    entries: tuple[Entry, ...]

    def get(self, key: str) -> Entry | None:
        """The assignment of `key` that holds: the first."""
        return next((entry for entry in self.entries if entry.key == key), None)

    def repeated(self) -> Iterator[Entry]:
        """Assignments that libvirt does not heed because the key stands earlier already."""
        seen: set[str] = set()
        for entry in self.entries:
            if entry.key in seen:
                yield entry
            seen.add(entry.key)


def parse(text: str) -> Conf:
    """Parse a whole file. Raises `Malformed` with the line."""
    nul = text.find("\0")
    if nul >= 0:
        raise Malformed("a NUL character", _line(text, nul))
    return Conf(text, tuple(_entries(text)))


def _entries(text: str) -> Iterator[Entry]:
    at, line = 0, 1
    while at < len(text):
        start = _skip(_SPACE, text, at)
        line += text.count("\n", at, start)
        end = start
        if text[start : start + 1] != "#":
            entry = _entry(text, start, line)
            yield entry
            end = _skip(_BLANK, text, entry.end)
        at = _statement_end(text, _skip(_COMMENT, text, end))
        line += text.count("\n", start, at)


def _statement_end(text: str, at: int) -> int:
    at = _skip(_BLANK, text, at)
    if at == len(text):
        return at
    if text[at] not in "\r\n;":
        raise Malformed("expected the end of the line after the value", _line(text, at))
    return _skip(_SPACE, text, at + 1)


def _entry(text: str, start: int, line: int) -> Entry:
    name = _NAME.match(text, start)
    if name is None:
        raise Malformed("expected a key", _line(text, start))
    at = _skip(_BLANK, text, name.end())
    if text[at : at + 1] != "=":
        raise Malformed(f"expected '=' after {name.group()}", _line(text, at))
    at = _skip(_BLANK, text, at + 1)
    value, end = _value(text, at, depth=0)
    return Entry(name.group(), value, line, start, at, end)


def _value(text: str, at: int, depth: int) -> tuple[Value, int]:
    if text[at : at + 1] == "[":
        return _list(text, at, depth)
    integer = _INTEGER.match(text, at)
    if integer is not None:
        return _number(integer), integer.end()
    string = _STRING.match(text, at)
    if string is None:
        raise Malformed("expected a number, a string or a list", _line(text, at))
    return next(group for group in string.groups() if group is not None), string.end()


def _number(found: re.Match[str]) -> int:
    digits = found.group().lstrip("+-0")
    number = int(digits or "0") if len(digits) <= 20 else _LARGEST + 1
    if number > _LARGEST:
        raise Malformed("the number is too large", _line(found.string, found.start()))
    return -number if found.group().startswith("-") else number


def _list(text: str, start: int, depth: int) -> tuple[tuple[Value, ...], int]:
    if depth == _DEEPEST_LIST:
        raise Malformed("lists within lists go too deep", _line(text, start))
    items: list[Value] = []
    at = _skip(_SPACE, text, start + 1)
    while text[at : at + 1] != "]":
        if items:
            if text[at : at + 1] != ",":
                raise Malformed("expected ',' or ']' in the list", _line(text, at))
            at = _skip(_SPACE, text, at + 1)
            if text[at : at + 1] == "]":
                break
        item, at = _value(text, at, depth + 1)
        items.append(item)
        at = _skip(_SPACE, text, at)
    return tuple(items), at + 1


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
