"""Times of a picture as people read them: marks along an axis, moments, and how long something took."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from itertools import count

_SECOND, _MINUTE, _HOUR, _DAY = 1, 60, 3600, 86400
_STEPS = (
    1, 2, 5, 10, 15, 30,
    *(_MINUTE * each for each in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * each for each in (1, 2, 3, 6, 12)),
    *(_DAY * each for each in (1, 2, 7, 14)),
)  # fmt: skip
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_EPOCH = datetime(1970, 1, 5)  # a Monday, so that weeks begin on one
_LAST = 253_370_764_800_000
"""The year 9999, in milliseconds: no later time is shown."""


def at(millis: int, zone: tzinfo | None) -> datetime:
    """A moment in a zone; None is the zone of this machine."""
    return datetime.fromtimestamp(min(max(millis, 0), _LAST) / 1000, zone).astimezone(zone)


def moment(millis: int, zone: tzinfo | None) -> str:
    """`2026-11-23 20:00:07`."""
    return f"{at(millis, zone):%Y-%m-%d %H:%M:%S}"


def zone_name(millis: int, zone: tzinfo | None) -> str:
    """`UTC`, or what is ahead of it: `UTC+01:00`."""
    offset = at(millis, zone).utcoffset() or timedelta()
    if not offset:
        return "UTC"
    minutes = round(offset.total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def took(millis: int) -> str:
    """How long something took, in its two largest units: `3 d 4 h`, `4 h 12 min`, `7 s`."""
    seconds = max(millis, 0) // 1000
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        first, name, second, smaller = seconds // _MINUTE, "min", seconds % _MINUTE, "s"
    elif seconds < _DAY:
        first, name, second, smaller = seconds // _HOUR, "h", seconds % _HOUR // _MINUTE, "min"
    else:
        first, name, second, smaller = seconds // _DAY, "d", seconds % _DAY // _HOUR, "h"
    return f"{first} {name} {second} {smaller}" if second else f"{first} {name}"


def ticks(start: int, stop: int, most: int, zone: tzinfo | None) -> Iterator[tuple[int, str]]:
    """Round moments between two others, about so many at most, each with what stands beside it: the hour, or the day
    where a new one begins."""
    wanted = (stop - start) / 1000 / max(most, 1)
    day = None
    for wall, form in _walls(at(start, zone).replace(tzinfo=None), wanted):
        millis = round(wall.replace(tzinfo=zone).timestamp() * 1000)
        if millis > stop:
            return
        if millis >= start:
            is_midnight = wall.hour == wall.minute == wall.second == 0
            yield millis, wall.strftime("%b %-d" if is_midnight and day and form.startswith("%H") else form)
            day = wall.date()


def _walls(first: datetime, wanted: float) -> Iterator[tuple[datetime, str]]:
    """Round times from a little before the first one on, at least `wanted` seconds apart, with the form of a label."""
    step = next((each for each in _STEPS if each >= wanted), None)
    if step is not None:
        form = "%b %-d" if step >= _DAY else "%H:%M" if step >= _MINUTE else "%H:%M:%S"
        steps = int((first - _EPOCH).total_seconds() // step)
        for number in count(steps):
            yield _EPOCH + timedelta(seconds=number * step), form
    months = next((each for each in _MONTHS if each * 28 * _DAY >= wanted), _MONTHS[-1])
    begin = (first.year * 12 + first.month - 1) // months * months
    for number in range(begin, 9999 * 12, months):
        yield datetime(number // 12, number % 12 + 1, 1), "%Y" if months >= 12 else "%b %Y"
