"""Patterns of `tls_allowed_dn_list` and the subjects that they let in, by the rules of each libvirt.

Since 2020 libvirt asks GLib's `g_pattern_match_simple`: `*` is any text, commas included, `?` one character, all else
stands for itself. Before, as on RHEL 6, it asked fnmatch(3) without flags: brackets are sets and a backslash takes
the next character as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache

from virtwarden.pki.brackets import bracket


class Rules(Enum):
    """Whose matching decides: that of libvirt since 2020, or that of those before."""

    NEW = "new"
    OLD = "old"


def matches(pattern: str, subject: str, rules: Rules = Rules.NEW) -> bool:
    """Whether libvirt takes this subject for that pattern. The time it takes grows with the product of both."""
    runs = _runs(pattern, rules)
    if runs is None:
        return False
    first, *others = runs
    found = (first if others else _ending(first)).match(subject)
    for number, run in enumerate(others, 1):
        if found is None:
            return False
        found = (_ending(run) if number == len(others) else run).search(subject, found.end())
    return found is not None


def remarks(pattern: str, rules: Rules = Rules.NEW) -> Iterator[str]:
    """What a pattern lets in that its author may not have meant."""
    runs = _runs(pattern, rules)
    if runs is None:
        yield "ends within an escape, so that it lets nobody in"
        return
    if len(runs) > 1:
        told = witness(pattern)
        is_let_in = matches(pattern, told, rules)
        yield f"* runs across fields, so that {told} is let in" if is_let_in else "* runs across fields"
    elif "?" in pattern:
        yield "? stands for any character"
    if rules is Rules.OLD and "[" in pattern and not matches(pattern, pattern, rules):
        yield "brackets are a set of characters"
    if rules is Rules.OLD and "\\" in pattern:
        yield "a backslash takes the next character as it is, so that a subject's own backslash is to be doubled"


def witness(pattern: str) -> str:
    """A subject with a field that the pattern's author did not think of, and that matches."""
    before, _, after = pattern.partition("*")
    foreign = "O=Other" if not before or before.endswith(",") else "x,O=Other"
    return (before + foreign + after.replace("*", "x")).replace("?", "x")


@lru_cache(maxsize=256)
def _runs(pattern: str, rules: Rules) -> tuple[re.Pattern[str], ...] | None:
    """What stands between the stars, None for a pattern that can match nothing."""
    runs = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            runs.append("")
            continue
        if char == "?":
            runs[-1] += "."
        elif rules is Rules.OLD and char == "[" and (found := bracket(pattern, at)) is not None:
            text, at = found
            runs[-1] += text
        elif rules is Rules.OLD and char == "\\":
            if at == len(pattern):
                return None
            runs[-1] += re.escape(pattern[at])
            at += 1
        else:
            runs[-1] += re.escape(char)
    return tuple(re.compile(run, re.DOTALL) for run in runs)


@lru_cache(maxsize=256)
def _ending(run: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(run.pattern + r"\Z", re.DOTALL)
