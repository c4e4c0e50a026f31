"""SELinux's file_contexts: which label the policy gives to which path.

A regular expression a line, an optional kind of file, and a context. Only expressions that take linear or nearly
linear time are tried; the others count as not matching and are few. Source: file_contexts(5), selabel_file(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_KINDS = {"--": "file", "-d": "dir", "-b": "block", "-c": "char", "-l": "link", "-p": "fifo", "-s": "socket"}
_META = re.compile(r"[.^$?*+|\[({]")
_NESTED = re.compile(r"\([^()]*[*+{][^()]*\)[*+{]")
_UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d*,\}")
_TWO_SLASHES = re.compile(r"/\((?:\?:)?/[^()|]*\)[?*]?$")
_LONGEST_PATH = 1024


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: `kind` is the kind of file it speaks of, None for any; `context` is None for `<<none>>`."""

    pattern: str
    kind: str | None
    context: str | None
    line: int

    @property
    def is_literal(self) -> bool:
        """Whether it means one path alone."""
        return _META.search(re.sub(r"\\.", "", self.pattern)) is None

    @property
    def never_matches(self) -> bool:
        """Whether no path can match, for a path never has two slashes in a row."""
        return "//" in self.pattern or bool(_TWO_SLASHES.search(self.pattern))

    @property
    def repaired(self) -> str:
        """The pattern as it was meant, where it is spoilt by a doubled slash."""
        return re.sub(r"/+(\(/\.\*\)\?)$", r"\1", re.sub(r"/{2,}", "/", self.pattern))

    def matches(self, path: str, kind: str) -> bool:
        """Whether the policy means this path by it."""
        if self.kind not in (None, kind) or len(path) > _LONGEST_PATH:
            return False
        stem = _stem(self.pattern)
        if not path.startswith(stem):
            return False
        compiled = _compiled(self.pattern)
        return compiled is not None and compiled.fullmatch(path) is not None


def parse(text: str) -> tuple[Rule, ...]:
    """The rules in order. Lines that make no sense are passed over, as libselinux does with a warning."""
    rules: list[Rule] = []
    for number, raw in enumerate(text.split("\n"), 1):
        fields = raw.split()
        if len(fields) not in (2, 3) or fields[0].startswith("#"):
            continue
        if len(fields) == 3 and fields[1] not in _KINDS:
            continue
        context = None if fields[-1] == "<<none>>" else fields[-1]
        rules.append(Rule(fields[0], _KINDS[fields[1]] if len(fields) == 3 else None, context, number))
    return tuple(rules)


def substitutions(text: str) -> tuple[tuple[str, str, int], ...]:
    """The rows of file_contexts.subs: paths below the first directory are labelled as if below the second."""
    found: list[tuple[str, str, int]] = []
    for number, raw in enumerate(text.split("\n"), 1):
        fields = raw.split()
        if len(fields) == 2 and not fields[0].startswith("#"):
            found.append((fields[0], fields[1], number))
    return tuple(found)


class Index:
    """Rules by the first directory of what they match, so that finding one does not try them all."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._by_top: dict[str, list[int]] = {}
        for number, rule in enumerate(rules):
            top, slash, _ = _stem(rule.pattern)[1:].partition("/")
            self._by_top.setdefault(top if slash else "", []).append(number)

    def find(self, path: str, kind: str) -> int | None:
        """The number of the rule that holds for a path: one without metacharacters before all others, else the
        last that matches."""
        top = path[1:].partition("/")[0]
        numbers = sorted({*self._by_top.get("", ()), *self._by_top.get(top, ())}, reverse=True)
        found = [number for number in numbers if self._rules[number].matches(path, kind)]
        return next((number for number in found if self._rules[number].is_literal), found[0] if found else None)


@lru_cache(maxsize=16384)
def _stem(pattern: str) -> str:
    """The literal beginning that every match has."""
    found = _META.search(pattern)
    if found is None:
        return pattern if "\\" not in pattern else pattern.partition("\\")[0]
    stem = pattern[: found.start()].partition("\\")[0]
    if "|" in pattern:
        return ""
    return stem[:-1] if found.group() in "?*{" else stem


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    if _NESTED.search(pattern) or len(_UNBOUNDED.findall(pattern)) > 3:
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
