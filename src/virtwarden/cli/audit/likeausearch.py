"""What the command line of `ausearch` has that no parser here would take: dates and times in two words, values that
begin with a dash, and what is not searched for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from virtwarden.cli import UsageError

_TIMES = ("-ts", "--start", "-te", "--end")
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?\Z")
_ELSEWHERE = frozenset((
    "-ga", "--gid-all", "-ge", "--gid-effective", "-gi", "--gid", "-hn", "-o", "--object", "-se", "--context",
    "-su", "--subject", "-tm", "--terminal", "--arch", "--checkpoint", "--format", "--just-one", "--input-logs",
    "-l", "--line-buffered", "--escape", "-escape", "--extra-keys", "--extra-labels", "--extra-obj2",
    "--extra-time", "--eoe-timeout", "--debug",
))  # fmt: skip


def reworded(words: list[str]) -> list[str]:
    """The words as the parser takes them. Raises `UsageError` for what only ausearch has."""
    return list(_reworded(words))


def _reworded(words: list[str]) -> Iterator[str]:
    left = iter(words)
    for word in left:
        if word == "--":
            yield word
            yield from left
        elif word in _ELSEWHERE:
            raise UsageError(
                f"{word} is an option of ausearch alone; search with --raw by what else there is, and pipe that"
                f" into ausearch {word}"
            )
        elif word in ("-e", "--exit"):
            yield f"--exit={next(left, '')}"
        elif word in _TIMES:
            yield word
            yield from _when(left)
        else:
            yield word


def _when(left: Iterator[str]) -> Iterator[str]:
    """A date and the time behind it as one word."""
    date = next(left, None)
    if date is None:
        return
    following = next(left, None)
    if following is None or not _TIME.match(following) or ":" in date:
        yield date
    else:
        yield f"{_day(date)} {following}"
        following = None
    if following is not None:
        yield from _reworded([following, *left])


def _day(word: str) -> str:
    from datetime import date, timedelta  # noqa: PLC0415  # few write so

    days = {"today": 0, "yesterday": 1}
    return (date.today() - timedelta(days=days[word])).isoformat() if word in days else word
