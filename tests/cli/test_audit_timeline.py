"""`audit timeline` as people run it: in the terminal, as a picture, as a page."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.events.made import Guest
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
