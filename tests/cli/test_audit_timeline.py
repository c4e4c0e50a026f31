"""`audit timeline` as people run it: in the terminal, as a picture, as a page."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.events.made import Guest, Made
from tests.report.audit.lives import day
from virtwarden.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return day().write(tmp_path / "audit.log")


def _timeline(*words: object) -> int:
    return main(["audit", "timeline", *map(str, words)])


@pytest.mark.parametrize("name", ["web", Guest("web").uuid, Guest("web").uuid.upper(), "we?"])
def test_a_guest_is_found_by_its_name_and_its_uuid(log: Path, capsys: Capture, name: str) -> None:
    assert _timeline(name, log) == 0
    said = capsys.readouterr().out
    assert said.startswith("web ")
    assert "3 sessions" in said
    assert "\x1b" not in said


def test_a_window_narrows_it(log: Path, capsys: Capture) -> None:
    assert _timeline("web", "--start", "1795479000", "--end", "1795480000", log) == 0
    assert "1 session, 16 min 40 s in all" in capsys.readouterr().out


def test_pictures_and_pages_are_written_to_files(tmp_path: Path, log: Path, capsys: Capture) -> None:
    assert _timeline("web", log, "--svg", tmp_path / "web.svg", "--html", tmp_path / "web.html") == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "web.svg").read_text().startswith("<svg ")
    assert (tmp_path / "web.html").read_text().startswith("<!DOCTYPE html>")


def test_a_picture_can_go_to_standard_output(log: Path, capsys: Capture) -> None:
    assert _timeline("web", log, "--svg", "-") == 0
    assert capsys.readouterr().out.startswith("<svg ")


def test_a_page_can_go_there_too_but_not_both(log: Path, capsys: Capture) -> None:
    assert _timeline("web", "--html", "-", log) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>")
    assert _timeline("web", log, "--html", "-", "--svg", "-") == 3
    assert "not both" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--vm", "--uuid"])
def test_the_guest_is_named_once(log: Path, capsys: Capture, option: str) -> None:
    assert _timeline("web", option, "db", log) == 3
    assert option in capsys.readouterr().err


def test_without_arguments_only_the_guest_is_missed(capsys: Capture) -> None:
    assert _timeline() == 3
    assert "the following arguments are required: GUEST;" in capsys.readouterr().err


def test_what_was_denied_is_listed_in_the_order_of_time(tmp_path: Path, capsys: Capture) -> None:
    made, guest = Made(), Guest("web")
    made.start(guest)
    for place in ("/first", "/often", "/often", "/often", "/last"):
        made.wait(60)
        made.denied(guest, place)
    assert _timeline("web", made.write(tmp_path / "audit.log")) == 0
    said = capsys.readouterr().out
    assert said.index("/first") < said.index("/often") < said.index("/last")


def _on(host: str, folder: Path) -> Path:
    made, guest = Made(host), Guest("web")
    made.start(guest)
    made.wait(60)
    made.denied(guest, "/etc/shadow")
    made.attach(guest, "disk", "/srv/none.img", ok=False)
    made.wait(3600)
    made.stop(guest)
    folder.mkdir()
    made.write(folder / "audit.log")
    return folder


def test_the_lists_name_the_host_where_there_are_several(tmp_path: Path, capsys: Capture) -> None:
    one, two = _on("kvm1", tmp_path / "one"), _on("kvm2", tmp_path / "two")
    assert _timeline("web", one, two) == 0
    said = capsys.readouterr().out
    assert _timeline("web", one, two, "--html", "-") == 0
    page = capsys.readouterr().out
    for host in ("kvm1", "kvm2"):
        for words in ("booted, shut down", "denied: qemu-kvm read file /etc/shadow", "failed: disk /srv/none.img"):
            assert f"{host}: {words}" in said
            assert f"{host}: {words}" in page
    assert _timeline("web", one) == 0
    assert "kvm1: " not in capsys.readouterr().out


def test_it_reads_standard_input(log: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log.read_bytes())))
    assert _timeline("web", "-") == 0
    assert "3 sessions" in capsys.readouterr().out


def test_a_guest_that_nobody_tells_of_is_named(log: Path, capsys: Capture) -> None:
    assert _timeline("nobody", log) == 3
    assert capsys.readouterr().err == "virt-warden: the logs tell nothing of a guest nobody\n"
    assert _timeline("web", "--end", "2001-01-01", log) == 3
    assert "the logs tell nothing of a guest web in that time" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(log: Path, capsys: Capture) -> None:
    assert _timeline("web", log, "--svg", "/nowhere/web.svg") == 3
    assert "cannot write /nowhere/web.svg" in capsys.readouterr().err


def _long_after(guest: Guest) -> Made:
    """A guest that runs on while others come and go, and a log that goes on longer still."""
    made = Made()
    made.boot()
    made.start(guest)
    made.wait(3600)
    other = Guest("other")
    made.start(other)
    made.wait(3600 * 30)
    made.stop(other)
    made.wait(3600)
    made.ran("cat", "/etc/hosts")
    return made


@pytest.mark.parametrize("until", [(), ("--end", "2026-11-30"), ("--end", "2026-11-24 20:00")])
def test_what_still_runs_reaches_the_log_s_last_record_and_the_summary_counts_alike(
    tmp_path: Path, capsys: Capture, until: tuple[str, ...]
) -> None:
    log = _long_after(Guest("web")).write(tmp_path / "audit.log")
    assert _timeline("web", log, *until) == 0
    drawn = capsys.readouterr().out
    assert main(["audit", "summary", "--vm", "web", *until, str(log)]) == 0
    counted = capsys.readouterr().out
    ran = "1 d" if until and "20:00" in until[1] else "1 d 8 h"
    assert f"1 session, {ran} in all" in drawn
    assert f"  1  {ran} " in counted
    assert ("to 2026-11-24 20:00" if ran == "1 d" else "to 2026-11-25 04:") in drawn
