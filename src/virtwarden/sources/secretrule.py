"""What a rule is that tells secrets by their looks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from virtwarden.sources.secretkeys import BLANKED

Match = re.Match[str]
_ANYWHERE = re.compile("")


def done(match: Match) -> bool:
    """Whether it was blanked before."""
    return BLANKED.fullmatch(match["v"]) is not None


def empty(match: Match) -> bool:
    """Whether there is nothing to blank."""
    return not match["v"].strip() or done(match)


def pattern(text: str) -> re.Pattern[str]:
    """A pattern that looks at each line, in any case of letters."""
    return re.compile(text, re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of secret: what it is in words, what it looks like, and where it may be.

    The named group `v` of the pattern is what is blanked. A text that holds none of the `hints`, compared in
    lower case, is not searched, nor is one whose path or command does not match `where`; `keeps` says which
    matches are no secrets after all.
    """

    what: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    keeps: Callable[[Match], bool] = done
    where: re.Pattern[str] = _ANYWHERE
