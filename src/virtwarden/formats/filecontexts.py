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
_LONGEST_PATH = 1024


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: `kind` is the kind of file it speaks of, None for any; `context` is None for `<<none>>`."""

    pattern: str
    kind: str | None
    context: str | None
    line: int

    @property
    def never_matches(self) -> bool:
        """Whether no path can match, for a path never has two slashes in a row."""
        return "//" in self.pattern or bool(re.search(r"/\((?:\?:)?/[^|)]*\)(?!\?)", self.pattern))

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


def best(rules: tuple[Rule, ...], path: str, kind: str) -> Rule | None:
    """The rule that holds for a path: one without metacharacters before all others, else the last that matches."""
    found = None
    for rule in reversed(rules):
        if rule.matches(path, kind):
            if not _META.search(rule.pattern.replace("\\", "")):
                return rule
            found = found or rule
    return found


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
