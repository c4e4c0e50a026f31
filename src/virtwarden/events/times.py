"""Points in time as people write them, and windows between two of them.

Known are ISO 8601, the forms of ausearch (11/30/2026, 14:05:00) and its words (`today`, `recent` …), and a record's own
stamp (1795464886.800). Times without a zone are local. A day as an end means the end of that day.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import NamedTuple

from virtwarden.complaint import Complaint

_DAY, _RECENT = timedelta(days=1), timedelta(minutes=10)
_DATE = r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})|(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{2}|\d{4}))"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,6}))?)?"
_WHEN = re.compile(rf"(?:{_DATE})?(?:(?:[T ]|\A){_TIME}(?P<zone>Z|[+-]\d\d:?\d\d)?)?\Z")
_STAMP = re.compile(r"@?(\d{9,12})(?:\.(\d{1,3}))?(?::\d+)?\Z")
WORDS = ("now", "recent", "boot", "today", "yesterday", "this-week", "week-ago", "this-month", "this-year")


class Window(NamedTuple):
    """From and to, both included, in milliseconds since 1970; None is without bound."""

    start: int | None
    end: int | None

    def holds(self, millis: int) -> bool:
        """Whether a point in time lies in it."""
        return (self.start is None or millis >= self.start) and (self.end is None or millis <= self.end)

    def touches(self, started: int | None, ended: int | None) -> bool:
        """Whether something that lasted so long was going on in it; None is before all and after all."""
        before = self.end is not None and started is not None and started > self.end
        after = self.start is not None and ended is not None and ended < self.start
        return not before and not after


def window(start: str | None, end: str | None, now: datetime | None = None) -> Window:
    """The window between two points in time as somebody wrote them. Raises `Complaint`."""
    now = now or datetime.now().astimezone()
    try:
        first = None if start is None else _millis(_when(start, now)[0])
        last = None if end is None else _millis(_end(end, now))
    except (ValueError, OverflowError) as wrong:
        raise Complaint(f"{start if end is None else end} is no time that a log can have: {wrong}") from None
    if first is not None and last is not None and last < first:
        raise Complaint(f"--end {end} lies before --start {start}")
    return Window(first, last)


def _end(text: str, now: datetime) -> datetime:
    when, length = _when(text, now)
    return when + length - timedelta(milliseconds=1) if length else when


def _when(text: str, now: datetime) -> tuple[datetime, timedelta]:
    """A point in time, and how long what was named lasts: a day, a second, or nothing."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {
        "now": (now, timedelta()), "recent": (now - _RECENT, timedelta()), "today": (midnight, _DAY),
        "yesterday": (midnight - _DAY, _DAY), "week-ago": (midnight - 7 * _DAY, timedelta()),
        "this-week": (midnight - (midnight.isoweekday() % 7) * _DAY, 7 * _DAY),
        "this-month": (midnight.replace(day=1), timedelta()),
        "this-year": (midnight.replace(day=1, month=1), timedelta()),
    }  # fmt: skip
    word = text.strip().lower()
    if word in named:
        when, length = named[word]
        return _local(when), length
    if word == "boot":
        return _boot(), timedelta()
    stamp = _STAMP.match(word)
    if stamp is not None:
        millis = int(stamp[1]) * 1000 + int((stamp[2] or "0").ljust(3, "0"))
        return datetime.fromtimestamp(millis / 1000).astimezone(), timedelta()
    found = _WHEN.match(text.strip())
    if found is None or not text.strip():
        raise Complaint(
            f"{text} is no time; write 2026-11-30, '2026-11-30 14:05', 14:05:00 or one of {', '.join(WORDS)}"
        )
    try:
        return _written(found, midnight)
    except ValueError as wrong:
        raise Complaint(f"{text} is no time: {wrong}") from None


def _written(found: re.Match[str], midnight: datetime) -> tuple[datetime, timedelta]:
    year, month, day = (found[name] or found[name[0]] for name in ("year", "month", "day"))
    date = midnight.replace(tzinfo=None)
    if year is not None:
        date = datetime(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))
    if found["hour"] is None:
        return date.astimezone(), _DAY
    micro = int((found["fraction"] or "0").ljust(6, "0"))
    date = date.replace(hour=int(found["hour"]), minute=int(found["minute"]), second=int(found["second"] or 0))
    length = timedelta(seconds=0 if found["fraction"] else 1 if found["second"] else 60)
    date = date.replace(microsecond=micro)
    zone = found["zone"]
    return (date.astimezone() if zone is None else datetime.fromisoformat(date.isoformat() + zone)), length


def _local(when: datetime) -> datetime:
    """The same wall clock, with the offset that holds on that day."""
    return when.replace(tzinfo=None).astimezone()


def _boot() -> datetime:
    """When this machine booted."""
    since = time.clock_gettime(time.CLOCK_BOOTTIME)
    return datetime.fromtimestamp(time.time() - since).astimezone()


def _millis(when: datetime) -> int:
    return round(when.timestamp() * 1000)
