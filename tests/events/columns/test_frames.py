"""Sessions and events as data frames and Parquet."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.events.columns.kit import RECORDED
from virtwarden import events
from virtwarden.complaint import Complaint
from virtwarden.events.columns import events_frame, events_to_parquet, sessions_frame, sessions_to_parquet
from virtwarden.events.columns.rows import event_row, session_row
from virtwarden.events.logs import LogError
from virtwarden.events.model import Event, Skipped


@pytest.fixture(params=RECORDED)
def log(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Each of the recorded logs."""
    path = tmp_path / "audit.log"
    path.write_bytes(RECORDED[request.param])
    return str(path)


def test_frames_hold_what_the_library_tells(log: str) -> None:
    sessions, told = sessions_frame([log]).collect(), list(events.sessions([log], Skipped()))
    assert sessions.rows() == [session_row(each) for each in told]
    found, all_events = events_frame([log]).collect(), list(events.events([log], Skipped()))
    assert found.rows() == [event_row(each) for each in all_events]


def test_a_lazy_frame_can_be_narrowed(log: str) -> None:
    lazy = events_frame([log]).filter(pl.col("kind") == "start").select("guest", "time")
    assert lazy.collect().rows() == [
        (guest, time)
        for guest, time, kind in events_frame([log]).collect().select("guest", "time", "kind").rows()
        if kind == "start"
    ]
    assert events_frame([log]).head(2).collect().height == min(2, events_frame([log]).collect().height)


def test_parquet_files_hold_the_same_and_are_for_their_owner_alone(log: str, tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    sessions_to_parquet(events.sessions([log], Skipped()), str(path))
    assert pl.read_parquet(path).equals(sessions_frame([log]).collect())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path = tmp_path / "e.parquet"
    events_to_parquet(events.events([log], Skipped()), str(path))
    assert pl.read_parquet(path).equals(events_frame([log]).collect())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_log_has_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "audit.log").touch()
    empty = str(tmp_path / "audit.log")
    assert sessions_frame([empty]).collect().schema == sessions_frame([empty]).collect_schema()
    events_to_parquet([], str(tmp_path / "e.parquet"))
    assert pl.read_parquet(tmp_path / "e.parquet").schema == events_frame([empty]).collect_schema()


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="cannot be written"):
        sessions_to_parquet([], str(tmp_path / "none" / "s.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(Complaint, match=r"pip install 'virt-warden\[columns\]'"):
        sessions_frame(["x"])


def test_what_is_no_regular_file_is_left_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for path in (pipe, tmp_path / "link"):
        with pytest.raises(Complaint, match="is no regular file and is left as it is"):
            events_to_parquet([], str(path))
    with pytest.raises(Complaint, match="is a folder; name a file in it"):
        events_to_parquet([], str(tmp_path))
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "pipe"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path, exists: object) -> None:
    link, target = tmp_path / "link", tmp_path / "below" / "e.parquet"
    target.parent.mkdir()
    link.symlink_to(target)
    if exists:
        target.touch()
    events_to_parquet([], str(link))
    assert link.is_symlink()
    assert pl.read_parquet(target).height == 0
    assert [each.name for each in target.parent.iterdir()] == ["e.parquet"]


def test_nothing_is_called_like_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Complaint, match="cannot be written to standard output"):
        events_to_parquet([], "-")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [OSError(5, "Input/output error", "a.log"), LogError("a.log cannot be read: x")])
def test_a_log_that_cannot_be_read_is_what_is_named(tmp_path: Path, wrong: Exception) -> None:
    def broken() -> Iterator[Event]:
        yield from ()
        raise wrong

    with pytest.raises(Complaint, match=r"^a\.log cannot be read: [^\n]*$"):
        events_to_parquet(broken(), str(tmp_path / "e.parquet"))
    assert list(tmp_path.iterdir()) == []
