"""Shell patterns over any file system that can list a directory, with the refusals kept.

As in a shell, `*` and `?` match no slash and no leading dot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache

from virtwarden.host import Absent

_MAGIC = re.compile(r"[*?\[]")


def is_pattern(path: str) -> bool:
    """Whether a path holds any of the characters of a pattern."""
    return _MAGIC.search(path) is not None


def matches(name: str, part: str) -> bool:
    """Whether one component of a path matches one component of a pattern."""
    return name.startswith(".") <= part.startswith(".") and _compiled(part).match(name) is not None


def covers(pattern: str, path: str) -> bool:
    """Whether a path, if it existed, would be among those that match the pattern."""
    parts, names = pattern.split("/"), path.split("/")
    if len(parts) != len(names) or "." in names or ".." in names:
        return False
    return all(
        name == part or (is_pattern(part) and matches(name, part)) for name, part in zip(names, parts, strict=True)
    )


def names(pattern: str, path: str) -> bool:
    """Whether a path can be among those that a listing by the pattern names."""
    parts = [part for part in pattern.split("/") if part]
    found = path.split("/")[1:]
    return len(parts) == len(found) and all(
        name == part or (is_pattern(part) and bool(name) and matches(name, part))
        for name, part in zip(found, parts, strict=True)
    )


def expand(pattern: str, listed: Callable[[str], list[str]], exists: Callable[[str], bool]) -> list[str]:
    """The paths that match an absolute pattern, sorted.

    `listed` gives the names in a directory; an `Absent` from it means that nothing can match below, and any
    other refusal is the answer to the whole pattern.
    """
    found = [""]
    parts = [part for part in pattern.split("/") if part]
    for part in parts:
        if is_pattern(part):
            found = [
                f"{base}/{name}" for base in found for name in _names(base or "/", listed) if matches(name, part)
            ]
        else:
            found = [f"{base}/{part}" for base in found]
    if not parts:
        return ["/"]
    # What a listing has just named exists.
    return sorted(found if is_pattern(parts[-1]) else (path for path in found if exists(path)))


def _names(directory: str, listed: Callable[[str], list[str]]) -> list[str]:
    try:
        return listed(directory)
    except Absent:
        return []


@lru_cache(maxsize=512)
def _compiled(part: str) -> re.Pattern[str]:
    return re.compile(translate(part))
