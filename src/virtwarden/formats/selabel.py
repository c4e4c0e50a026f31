"""SELinux contexts: user, role, type and the range of levels with its categories.

Grammar: `user:role:type[:level[-level]]`, a level is a sensitivity with an optional set of categories,
`s0:c1,c5.c9`, where `c5.c9` stands for all from 5 to 9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from virtwarden.formats import Malformed

_CATEGORY = re.compile(r"c(\d{1,4})(?:\.c(\d{1,4}))?\Z")
_HIGHEST = 1023


@dataclass(frozen=True, slots=True)
class Context:
    """A parsed context. `categories` are those of the high level, by which the policy tells what a process may
    reach; with a single level there is no other."""

    user: str
    role: str
    type: str
    sensitivity: str
    categories: frozenset[int]

    @property
    def written_categories(self) -> str:
        """The categories as people write them: `c392,c662`, `c5.c9`; `none` where there are none."""
        runs: list[list[int]] = []
        for number in sorted(self.categories):
            if runs and number == runs[-1][-1] + 1:
                runs[-1][1:] = [number]
            else:
                runs.append([number])
        words = (
            f"c{run[0]}" if len(run) == 1 else f"c{run[0]}{'.' if run[1] > run[0] + 1 else ','}c{run[1]}"
            for run in runs
        )
        return ",".join(words) or "none"


def parse(text: str) -> Context:
    """A context. Raises `Malformed`."""
    parts = text.strip().split(":", 3)
    if len(parts) < 3 or not all(parts[:3]):
        raise Malformed(f"{text[:80]!r} is not user:role:type:level")
    level = parts[3].rpartition("-")[2] if len(parts) == 4 else ""
    sensitivity, _, sets = level.partition(":")
    return Context(parts[0], parts[1], parts[2], sensitivity, _categories(sets))


def _categories(text: str) -> frozenset[int]:
    found: set[int] = set()
    for word in filter(None, text.split(",")):
        match = _CATEGORY.match(word)
        if match is None:
            raise Malformed(f"{word[:20]!r} is not a category")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last > _HIGHEST or last < first:
            raise Malformed(f"{word[:20]!r} is not a range of categories")
        found.update(range(first, last + 1))
    return frozenset(found)
