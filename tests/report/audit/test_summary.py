"""The summary: its counts are those of auvirt where auvirt counts, and those of the sessions otherwise."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

from tests.events.made import Guest, Made
from tests.report.audit.lives import day
from virtwarden.events import told
from virtwarden.events.model import Session, Skipped
from virtwarden.events.times import Window
from virtwarden.report.audit.counts import Counts
from virtwarden.report.audit.summary import as_json, render
from virtwarden.report.layout import Style


def _counts(log: Made, tmp_path: Path, window: Window = Window(None, None)) -> Counts:  # noqa: B008  # a value
    counts = Counts(window, (None, None))
    for each in told([str(log.write(tmp_path / "audit.log"))], Skipped()):
        if isinstance(each, Session):
            if window.touches(each.started, each.ended):
                counts.session(each)
        elif window.holds(each.id.millis):
            counts.event(each)
    counts.close()
    return counts


def test_it_counts_by_guest(tmp_path: Path) -> None:
    host = _counts(day(), tmp_path).hosts[""]
    web, db = (host.guests[Guest(name).uuid] for name in ("web", "db"))
    assert (web.sessions, web.failed_starts, web.running, web.ended_badly) == (3, 1, 1, 2)
    assert (web.denials, web.anomalies, web.failed) == (13, 1, 2)
    assert (db.sessions, db.failed_starts, db.last_ending) == (1, 1, "host down")
    assert (host.boots, host.shutdowns, host.starts) == (2, 1, 4)


def test_it_adds_up_how_long_guests_ran(tmp_path: Path) -> None:
    log = Made()
    guest = Guest("web")
    for seconds in (100, 250):
        began = log.start(guest)
        log.wait(seconds)
        ended = log.stop(guest)
        log.wait(1000)
    counts = _counts(log, tmp_path).hosts[""].guests[guest.uuid]
    assert round(counts.ran / 1000) == 350
    assert (counts.last_start, counts.last_end) == (began.millis, ended.millis)


def test_only_what_lies_in_the_window_counts_as_run(tmp_path: Path) -> None:
    log = Made()
    guest = Guest("web")
    began = log.start(guest).millis
    log.wait(1000)
    log.stop(guest)
    window = Window(began + 200_000, began + 300_000)
    assert _counts(log, tmp_path, window).hosts[""].guests[guest.uuid].ran == 100_000


def test_a_session_whose_end_nobody_tells_adds_nothing(tmp_path: Path) -> None:
    log = Made()
    guest = Guest("web")
    log.start(guest)
    log.wait(1000)
    log.start(guest)
    log.wait(50)
    log.stop(guest)
    counts = _counts(log, tmp_path).hosts[""].guests[guest.uuid]
    assert counts.sessions == 2
    assert counts.ran <= 1_060_000


def test_hosts_are_told_apart(tmp_path: Path) -> None:
    one, other = day(host="kvm1"), day(host="kvm2")
    one.lines += other.lines
    text = render(_counts(one, tmp_path), Style(), UTC)
    assert text.index("kvm1") < text.index("kvm2")
    assert [host["host"] for host in json.loads(as_json(_counts(one, tmp_path)))["hosts"]] == ["kvm1", "kvm2"]


def test_many_guests_are_cut_in_text_and_whole_in_json(tmp_path: Path) -> None:
    log = Made()
    for number in range(70):
        log.start(Guest(f"guest{number}"))
    counts = _counts(log, tmp_path)
    assert "and 20 more guests, which --json lists" in render(counts, Style(), UTC)
    assert len(json.loads(as_json(counts))["hosts"][0]["guests"]) == 70


def test_no_line_is_longer_than_the_terminal_is_wide(tmp_path: Path) -> None:
    log = day(Guest("a-guest-with-a-name-that-is-longer-than-anybody-would-type"))
    counts = _counts(log, tmp_path)
    for width in (60, 80, 100, 200):
        assert max(map(len, render(counts, Style(width=width), UTC).splitlines())) <= width


def test_hostile_names_do_nothing_to_the_terminal(tmp_path: Path) -> None:
    log = Made("\x1b[2Jhost".replace("\x1b", "x"))
    log.start(Guest("\x1b[31m\udcff"))
    counts = _counts(log, tmp_path)
    assert "\x1b" not in render(counts, Style(), UTC)
    assert json.loads(as_json(counts))["hosts"][0]["guests"][0]["guest"] == "\x1b[31m\\xff"


def test_logs_without_guests_say_so(tmp_path: Path) -> None:
    assert render(_counts(Made(), tmp_path), Style(), UTC) == "the logs tell nothing of guests\n"
