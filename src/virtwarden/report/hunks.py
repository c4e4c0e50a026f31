"""The difference between two texts as replacements that hold no secret, for programs that make it elsewhere.

A line with a secret becomes a pattern: what stands in the place of the secret is taken over as it is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from virtwarden.difference import redacted_lines
from virtwarden.sources.blanking import REDACTED

Texts = Callable[[str], str | None]
"""Gives the text of a file as it is, None where there is none."""

_CONTEXT = 2
_MOST_CONTEXT = 40


class NotExportable(ValueError):
    """A difference cannot be told without a secret; the message says why."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place in a text: a regular expression of Python's that finds it, and what stands there afterwards, with
    `\\g<1>` for what a group found."""

    pattern: str
    replacement: str


def hunks(path: str, before: str, after: str) -> list[Hunk]:
    """Replacements that make `after` of `before`, one after the other; each finds its one place, and nothing once it
    is made. Raises `NotExportable`."""
    found: list[Hunk] = []
    text = before
    for operation in _operations(before, after):
        hunk, text = _unique(path, text, operation, before)
        found.append(hunk)
    if text != after:
        raise NotExportable("the replacements do not add up to the change")
    return found


_Operation = tuple[int, int, list[str]]


def _operations(before: str, after: str) -> Iterator[_Operation]:
    """What is replaced by what: lines from here to there, the last place first, so that earlier numbers stay."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    changed = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    for _, start, end, from_, to in reversed(changed):
        yield start, end, new[from_:to]


def _unique(path: str, text: str, operation: _Operation, before: str) -> tuple[Hunk, str]:
    """The hunk with as much around it as it takes to be found in one place alone, and the text after it."""
    start, end, new = operation
    lines = text.splitlines(keepends=True)
    shown = redacted_lines(path, text)
    wanted = "".join((*lines[:start], *new, *lines[end:]))
    shown_new = redacted_lines(path, wanted)[start : start + len(new)]
    for around in range(_CONTEXT, _MOST_CONTEXT):
        low, high = max(start - around, 0), min(end + around, len(lines))
        hunk = _hunk(shown, (low, start, end, high), shown_new, len(lines))
        made, times = re.subn(hunk.pattern, hunk.replacement, text)
        if times == 1 and made == wanted and not re.search(hunk.pattern, made):
            return hunk, made
        if low == 0 and high == len(lines):
            break
    raise NotExportable(
        f"line {start + 1} cannot be told from others without a secret" if before else "it is empty"
    )


def _hunk(shown: Sequence[str], bounds: tuple[int, int, int, int], new: Sequence[str], total: int) -> Hunk:
    low, start, end, high = bounds
    groups = _Groups()
    head = "\\A" if low == 0 else "(?<=\\n)"
    tail = "\\Z" if high == total else ""
    context_before = "".join(groups.pattern(line) for line in shown[low:start])
    old = "".join(groups.secret_pattern(line) for line in shown[start:end])
    context_after = "".join(groups.pattern(line) for line in shown[end:high])
    pattern = f"{head}({context_before}){old}({context_after}){tail}"
    first, last = 1, 2 + groups.secrets
    return Hunk(pattern, f"\\g<{first}>{groups.replacement(new)}\\g<{last}>")


def _escaped(text: str) -> str:
    """A text as a pattern that finds it, in a form that Python and Perl read alike."""
    return _SPECIAL.sub(r"\\\g<0>", text).replace("\n", "\\n")


_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")


def _anything(behind: str) -> str:
    """What a secret may be, by what stands behind it: one in quotes ends at the quote."""
    quote = behind[:1]
    return f"[^\\n{quote}]*" if quote in ("'", '"') else "[^\\n]*?"


class _Groups:
    """Counts the secrets of the lines that go, so that lines that come can take them over."""

    def __init__(self) -> None:
        self.secrets = 0

    def pattern(self, line: str) -> str:
        """A line of the surroundings: a secret in it may be anything."""
        parts = line.split(REDACTED)
        return _escaped(parts[0]) + "".join(_anything(part) + _escaped(part) for part in parts[1:])

    def secret_pattern(self, line: str) -> str:
        """A line that goes: its secrets are kept, in groups from the second on."""
        parts = line.split(REDACTED)
        self.secrets += len(parts) - 1
        return _escaped(parts[0]) + "".join(f"({_anything(part)})" + _escaped(part) for part in parts[1:])

    def replacement(self, new: Sequence[str]) -> str:
        """Lines that come, with the secrets of those that went in their order."""
        parts = "".join(new).split(REDACTED)
        escaped = [part.replace("\\", "\\\\") for part in parts]
        if len(parts) - 1 > self.secrets:
            raise NotExportable("it holds a secret that is not in the text yet")
        made = escaped[0]
        for number, part in enumerate(escaped[1:], 2):
            made += f"\\g<{number}>{part}"
        return made
