"""Edits of sshd_config, where the first value holds, `Match` blocks reach to the end of the file, and an
`Include` puts other files' values before those that follow it."""

from __future__ import annotations

import re

from virtwarden.edits import SetLine
from virtwarden.formats import Malformed, sshdconf
from virtwarden.splice.pieces import CannotApply, Line, Splice, joined, lines, with_line

_PATH = re.compile(r"/sshd_config(?:\.d/[^/]+)?\Z")
_VALUE = re.compile(
    r"""[ \t\r]*"?[A-Za-z0-9]+"?(?:[ \t]*=[ \t]*|[ \t]+)(?P<value>[^ \t#]\S*(?:[ \t]+[^ \t#]\S*)*)"""
)
_STOP = re.compile(r'[ \t\r]*"?(?:match|include)"?[ \t=]', re.IGNORECASE)


def is_sshd(path: str) -> bool:
    """Whether this is a file of sshd's."""
    return _PATH.search(path) is not None


def set_keyword(edit: SetLine, text: str) -> str:
    """The value in the line that holds for every connection, with one of it before an `Include` that may have
    its own, and in the one under `Match all`, which holds instead."""
    settings = [each for each in _settings(edit.key, text) if each.is_unconditional]
    every = list(lines(text))
    stop = next((line.start for line in every if _STOP.match(line.text)), len(text))
    first = {bool(each.match): each for each in reversed(settings)}
    changed = joined(text, (_value(every[each.line - 1], each.line, edit.value) for each in first.values()))
    if False in first and every[first[False].line - 1].start < stop:
        return changed
    return with_line(changed, _place(edit.key, every, stop), f"{edit.key}{edit.separator}{edit.value}")


def remove_keyword(key: str, text: str) -> str:
    """The text without the lines of a keyword that speak of every connection."""
    every = list(lines(text))
    gone = [every[each.line - 1] for each in _settings(key, text) if each.is_unconditional]
    return joined(text, ((line.start, line.end, "") for line in gone))


def _settings(key: str, text: str) -> list[sshdconf.Setting]:
    try:
        return [each for each in sshdconf.parse(text) if each.keyword == key.lower()]
    except Malformed as wrong:
        raise CannotApply(f"sshd does not start with this file: {wrong}") from None


def _value(line: Line, number: int, wanted: str) -> Splice[str]:
    found = _VALUE.match(line.text)
    if found is None:
        raise CannotApply(f"the value in line {number} was not found")
    start, end = found.span("value")
    return line.start + start, line.start + end, wanted


def _place(key: str, every: list[Line], stop: int) -> int:
    """Behind the keyword's commented-out template, else right before the first line that matters."""
    template = re.compile(rf"[ \t]*#{re.escape(key)}[ \t]", re.IGNORECASE)
    ends = [line.end for line in every if line.end <= stop and template.match(line.text)]
    return ends[-1] if ends else stop
