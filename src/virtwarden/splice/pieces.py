"""Cutting and joining texts: what the edits of every format share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import AnyStr

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")


class CannotApply(ValueError):
    """An edit does not fit the text that it is meant for; the message says why, and quotes no line, which may hold a
    secret."""


Splice = tuple[int, int, AnyStr]
"""What stands in a text from here to there is replaced by this."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where it begins, where the next one does, and what it says without its line end."""

    start: int
    end: int
    text: str


def joined(text: AnyStr, splices: Iterable[Splice[AnyStr]]) -> AnyStr:
    """The text with each of these pieces replaced; those of one place keep their order."""
    parts: list[AnyStr] = []
    at = 0
    for start, end, new in sorted(splices, key=lambda splice: splice[:2]):
        if start < at:
            raise CannotApply("two changes are meant for one place")
        parts += [text[at:start], new]
        at = end
    parts.append(text[at:])
    return text[:0].join(parts)


def lines(text: str) -> Iterator[Line]:
    """The lines of a text. A line ends with a line feed, before which a carriage return may stand."""
    for found in _LINE.finditer(text):
        yield Line(found.start(), found.end(), found.group().removesuffix("\n").removesuffix("\r"))


def line_end(text: str) -> str:
    """The line end that this text has, by its first line."""
    return "\r\n" if text[: text.find("\n")].endswith("\r") else "\n"


def with_line(text: str, at: int, line: str) -> str:
    """The text with one more line that begins at `at`, which is where a line begins or the text ends."""
    end = line_end(text)
    before = text[:at]
    if before and not before.endswith("\n"):
        before += end
    return before + line + end + text[at:]
