"""Sets of characters in the patterns of fnmatch(3), as regular expressions: `[a-z_]`, `[!0-9]`, `[[:alpha:]]`.

Ranges go by code points, as they do in the C locale, in which a daemon of the old kind ran.
"""

from __future__ import annotations

import re

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t-\r ",
    "blank": r"\t ",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
    "xdigit": "0-9A-Fa-f",
}
_CLASS = re.compile(r"\[:([a-z]+):\]")
_SINGLE = re.compile(r"\[([.=])(.)\1\]", re.DOTALL)


def bracket(pattern: str, at: int) -> tuple[str, int] | None:
    """The set that begins after the bracket before `at`, and where the pattern goes on; None where it does not end,
    so that the bracket stands for itself."""
    is_negated = pattern[at : at + 1] in ("!", "^")
    begin = at = at + is_negated
    parts: list[str] = []
    while at < len(pattern):
        if pattern[at] == "]" and at > begin:
            inner = "".join(parts)
            if not inner:
                return ("." if is_negated else "(?!)"), at + 1
            return f"[{'^' if is_negated else ''}{inner}]", at + 1
        named = _CLASS.match(pattern, at)
        if named is not None:
            parts.append(_CLASSES.get(named[1], ""))
            at = named.end()
            continue
        found = _one(pattern, at)
        if found is None:
            return None
        low, at = found
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("]", ""):
            found = _one(pattern, at + 1)
            if found is None:
                return None
            high, at = found
        if low <= high:
            parts.append(f"{re.escape(low)}-{re.escape(high)}")
    return None


def _one(pattern: str, at: int) -> tuple[str, int] | None:
    """One character of a set, and where the pattern goes on."""
    single = _SINGLE.match(pattern, at)
    if single is not None:
        return single[2], single.end()
    if pattern[at] == "\\":
        return (pattern[at + 1], at + 2) if at + 1 < len(pattern) else None
    return pattern[at], at + 1
