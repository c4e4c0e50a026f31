"""The timeline in a terminal: it needs no colour, fits its width, and stays readable however much there is."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from tests.events.made import Guest, Made
from tests.report.audit.lives import busy, charted, day
from tests.report.conftest import Compare
from virtwarden.report.audit.timeline import headline, render
from virtwarden.report.layout import Charset, Palette, Style


@pytest.mark.parametrize("width", [60, 100, 160])
def test_it_is_as_it_was_when_last_looked_at(golden: Compare, width: int) -> None:
    golden(f"timeline-{width}.txt", render(charted(day()), Style(width=width)))


def test_in_ascii_it_is_as_it_was_when_last_looked_at(golden: Compare) -> None:
    golden("timeline-ascii.txt", render(charted(day()), Style(charset=Charset.ASCII)))


@pytest.mark.parametrize("charset", list(Charset))
@pytest.mark.parametrize("width", [60, 80, 133, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int, charset: Charset) -> None:
    text = render(charted(day()), Style(width=width, charset=charset))
    assert max(map(cell_len, text.splitlines())) <= width
    assert text.isascii() is (charset is Charset.ASCII)


def test_colour_changes_nothing_but_colour() -> None:
    plain, coloured = (
        render(charted(day()), Style(palette=palette)) for palette in (Palette.PLAIN, Palette.COLOUR)
    )
    assert "\x1b[" in coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == [line.rstrip() for line in plain.splitlines()]


def test_the_headline_counts_what_is_in_the_picture() -> None:
    said = headline(charted(day()))
    for part in (
        "3 sessions",
        "1 failed start",
        "1 crashed",
        "1 went down with the host",
        "13 denials",
        "1 anomaly",
    ):
        assert part in said


def test_it_names_who_asked() -> None:
    assert "booted by alice, crashed" in render(charted(day()))


def test_thousands_of_sessions_take_no_more_room_than_a_few() -> None:
    text = render(charted(busy(2000)))
    assert len(text.splitlines()) < 70
    assert "2,000 sessions" in text
    assert "which virt-warden audit sessions lists" in text
    assert "more resources" in text


def test_a_session_that_goes_on_points_out_of_the_picture() -> None:
    log = Made()
    log.start(Guest("web"))
    log.wait(3600)
    log.start(Guest("other"))
    assert "▸" in render(charted(log, Guest("web")))


def test_a_part_of_the_time_shows_what_goes_on_in_it() -> None:
    log = day()
    whole = charted(log)
    part = charted(log, start=whole.start + 5_000_000, stop=whole.start + 6_000_000)
    assert len(part.sessions) == 1
    text = render(part)
    assert "◂" in text
    assert "▸" in text


def test_hostile_names_do_nothing_to_the_terminal() -> None:
    evil = Guest("\x1b[2J\u202egnp.exe\n\udcff", disks=["/srv/\x1b]0;owned\x07.img"])
    log = Made()
    log.start(evil)
    log.denied(evil, "/etc/\x1b[31mshadow")
    log.wait(60)
    log.stop(evil)
    text = render(charted(log, evil))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\x1b[2J" in text


def test_a_guest_on_two_hosts_has_a_track_on_each() -> None:
    guest = Guest("web")
    one, other = Made("kvm1"), Made("kvm2", start=1_795_470_000)
    one.start(guest)
    one.wait(5000)
    one.migrate_out(guest)
    other.migrate_in(guest)
    other.wait(5000)
    other.stop(guest)
    one.lines += other.lines
    text = render(charted(one, guest))
    assert text.count("sessions   ") == 2
    assert f"kvm1 · {guest.uuid}" in text
    assert "migrated away" in text
    assert "migrated here" in text
