"""Times of pictures: round marks, and durations as people say them."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.report.audit.clock import moment, ticks, took, zone_name

HOUR = 3_600_000
MONDAY = 1_795_464_000_000
"""2026-11-23, 20:00:00 UTC."""


@pytest.mark.parametrize(
    ("millis", "said"),
    [
        (0, "0 s"), (999, "0 s"), (7000, "7 s"), (60_000, "1 min"), (61_000, "1 min 1 s"), (HOUR, "1 h"),
        (HOUR + 1000, "1 h"), (26 * HOUR, "1 d 2 h"), (-5, "0 s"), (400 * 24 * HOUR, "400 d"),
    ],
)  # fmt: skip
def test_durations_are_told_in_their_two_largest_units(millis: int, said: str) -> None:
    assert took(millis) == said


def test_marks_are_round_and_name_the_day_where_a_new_one_begins() -> None:
    labels = [label for _, label in ticks(MONDAY, MONDAY + 8 * HOUR, 8, UTC)]
    assert labels == ["20:00", "21:00", "22:00", "23:00", "Nov 24", "01:00", "02:00", "03:00", "04:00"]


def test_marks_are_round_in_the_zone_of_the_reader() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert [label for _, label in ticks(MONDAY, MONDAY + 3 * HOUR, 3, kolkata)] == ["02:00", "03:00", "04:00"]
    assert zone_name(MONDAY, kolkata) == "UTC+05:30"
    assert moment(MONDAY, kolkata) == "2026-11-24 01:30:00"


def test_days_stay_days_where_clocks_are_set_back() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    october = 1_792_706_400_000  # 2026-10-22, two days before the clocks are set back
    found = list(ticks(october, october + 6 * 24 * HOUR, 6, berlin))
    assert [label for _, label in found] == ["Oct 23", "Oct 24", "Oct 25", "Oct 26", "Oct 27", "Oct 28"]


@given(st.integers(0, 4_000_000_000_000), st.integers(1, 600_000_000_000), st.integers(2, 40))
def test_marks_lie_in_the_picture_in_order_and_are_not_too_many(start: int, length: int, most: int) -> None:
    found = [at for at, _ in ticks(start, start + length, most, UTC)]
    assert found == sorted(set(found))
    assert all(start <= at <= start + length for at in found)
    assert len(found) <= most + 3
