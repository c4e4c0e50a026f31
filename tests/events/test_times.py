"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from virtwarden.complaint import Complaint
from virtwarden.events.times import Window, window

NOW = datetime(2026, 11, 30, 15, 30, 20, 500_000, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    __import__("time").tzset()


def at(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-29", at(2026, 11, 29)),
        ("11/29/2026", at(2026, 11, 29)),
        ("11/29/26", at(2026, 11, 29)),
        ("2026-11-29T10:05", at(2026, 11, 29, 10, 5)),
        ("2026-11-29 10:05:07", at(2026, 11, 29, 10, 5, 7)),
        ("2026-11-29T10:05:07.25", at(2026, 11, 29, 10, 5, 7) + 250),
        ("2026-11-29T10:05:07+02:00", at(2026, 11, 29, 8, 5, 7)),
        ("2026-11-29T10:05:07Z", at(2026, 11, 29, 10, 5, 7)),
        ("14:00", at(2026, 11, 30, 14)),
        ("today", at(2026, 11, 30)),
        ("yesterday", at(2026, 11, 29)),
        ("recent", at(2026, 11, 30, 15, 20, 20) + 500),
        ("now", at(2026, 11, 30, 15, 30, 20) + 500),
        ("this-week", at(2026, 11, 29)),
        ("week-ago", at(2026, 11, 23)),
        ("this-month", at(2026, 11, 1)),
        ("this-year", at(2026, 1, 1)),
        ("1795464886.800", 1795464886800),
        ("1795464886.800:105", 1795464886800),
    ],
)
def test_a_start_is_the_first_moment_of_what_is_named(text: str, wanted: int) -> None:
    assert window(text, None, NOW) == Window(wanted, None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-29", at(2026, 11, 30) - 1),
        ("yesterday", at(2026, 11, 30) - 1),
        ("2026-11-29 10:05:07", at(2026, 11, 29, 10, 5, 8) - 1),
        ("2026-11-29 10:05", at(2026, 11, 29, 10, 6) - 1),
        ("now", at(2026, 11, 30, 15, 30, 20) + 500),
    ],
)
def test_an_end_is_the_last_moment_of_what_is_named(text: str, wanted: int) -> None:
    assert window(None, text, NOW) == Window(None, wanted)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-02-30", "25:00", "11/31/2026", "2026-11-29Tnow"])
def test_what_is_no_time_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(Complaint, match="is no time"):
        window(text, None, NOW)


def test_an_end_before_the_start_is_told_in_a_sentence() -> None:
    with pytest.raises(Complaint, match="lies before"):
        window("today", "yesterday", NOW)


def test_boot_is_when_this_machine_booted() -> None:
    start = window("boot", None).start
    assert start is not None
    assert start <= datetime.now(UTC).timestamp() * 1000


def test_a_session_is_in_a_window_that_it_crosses() -> None:
    day = Window(DAY, 2 * DAY)
    assert day.touches(0, 3 * DAY)
    assert day.touches(None, DAY)
    assert day.touches(2 * DAY, None)
    assert not day.touches(0, DAY - 1)
    assert not day.touches(2 * DAY + 1, None)
    assert timedelta(milliseconds=DAY) == timedelta(days=1)
