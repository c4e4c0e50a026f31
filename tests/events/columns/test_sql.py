"""What can be asked in SQL, and that nothing else can be done with it."""

from __future__ import annotations

from io import TextIOWrapper
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.events.columns.kit import RECORDED, imported
from virtwarden import events
from virtwarden.complaint import Complaint
from virtwarden.events.columns.sql import asking_folder, asking_logs
from virtwarden.events.model import Skipped


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A recorded log."""
    path = tmp_path / "audit.log"
    path.write_bytes(RECORDED["apparmor.log.xz"])
    return path


def _asked(log: Path, question: str) -> list[tuple[Any, ...]]:
    with asking_logs([str(log)], question, Skipped()) as asked:
        return list(asked.answer(question).rows())


def _of_folder(folder: Path, question: str) -> list[tuple[Any, ...]]:
    with asking_folder(folder, question, Skipped()) as asked:
        return list(asked.answer(question).rows())


@pytest.mark.parametrize(
    "question",
    [
        "select type, count(*) from records group by all order by all",
        "select * from sessions order by session",
        "select * from events order by all",
        "select s.guest, count(*) from records join sessions s using (uuid) group by all order by all",
    ],
)
def test_a_folder_answers_as_the_logs_do(log: Path, tmp_path: Path, question: str) -> None:
    imported(tmp_path / "in", log)
    from_folder, from_log = _of_folder(tmp_path / "in", question), _asked(log, question)
    assert from_log
    assert str(from_folder) == str(from_log)


def test_sessions_and_events_are_those_of_the_library(log: Path) -> None:
    assert _asked(log, "select session from sessions order by 1") == sorted(
        (each.id,) for each in events.sessions([str(log)], Skipped())
    )
    assert _asked(log, "select count(*) from events") == [(sum(1 for _ in events.events([str(log)], Skipped())),)]


def test_any_field_can_be_asked_for(log: Path) -> None:
    question = "select distinct field(text, 'AUID') from records where type = 'SYSCALL' order by 1"
    assert ("unset",) in _asked(log, question)
    assert _asked(log, "select field('a=1 msg=''b=\"x y\" c=?''', 'b'), field('a=1', 'z')") == [("x y", None)]


def test_process_titles_are_readable(log: Path) -> None:
    titles = {title for (title,) in _asked(log, "select proctitle from records where type = 'PROCTITLE'")}
    assert any(title.startswith("/usr/sbin/libvirtd ") for title in titles)


def test_times_are_in_utc(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    question = "select count(*) from records where time < '2026-11-23 20:13:00'"
    assert _asked(log, question) == _asked(
        log, "select count(*) from records where epoch_ms(time) < 1795464780000"
    )


WRITES = [
    "copy (select 1) to '{out}'",
    "copy records to '{out}'",
    "export database '{out}'",
    "attach '{out}'",
    "create table x as select 1",
    "insert into records values (1)",
    "drop view records",
    "explain analyze copy (select 1) to '{out}'",
    "select 1; copy (select 1) to '{out}'",
    "select 1) to '{out}' --",
    "set enable_external_access = true",
    "pragma database_list",
    "install httpfs",
    "load httpfs",
    "call pragma_version()",
    "",
]


@pytest.mark.parametrize("question", WRITES)
def test_nothing_but_a_select_is_answered(log: Path, tmp_path: Path, question: str) -> None:
    out = tmp_path / "out.csv"
    asked = question.format(out=out)
    with asking_logs([str(log)], asked + " records", Skipped(), tmp_path / "allowed") as place:
        for ask in (place.answer, place.write):
            with pytest.raises(Complaint):
                ask(asked)
    assert not out.exists()


@pytest.mark.parametrize(
    "question",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from read_blob('{log}')",
        "select * from parquet_metadata('/etc/x.parquet')",
        "select * from query('copy (select 1) to ''/tmp/x''')",
        "select * from read_csv('/dev/stdin')",
        "select * from read_json('http://127.0.0.1/x')",
    ],
)
def test_no_other_file_can_be_read(log: Path, question: str) -> None:
    with pytest.raises(Complaint, match="cannot be answered"):
        _asked(log, question.format(log=log))


def test_an_answer_can_be_written_where_it_was_said(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "it's.parquet"
    out.touch()
    question = "select type, count(*) as n from records group by all -- and so on"
    with asking_logs([str(log)], question, Skipped(), out) as asked:
        asked.write(question)
    assert pl.read_parquet(out)["n"].sum() == RECORDED["apparmor.log.xz"].count(b"\n")


def test_an_empty_log_has_all_tables(tmp_path: Path) -> None:
    (tmp_path / "audit.log").touch()
    assert _asked(tmp_path / "audit.log", "select host, time, guest, proctitle, day from records") == []
    assert _asked(tmp_path / "audit.log", "select guest from sessions union all select guest from events") == []


def test_a_folder_that_nothing_was_imported_into_is_told(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="holds no imported records"):
        _of_folder(tmp_path, "select 1")


def test_a_mistake_in_sql_is_told_in_one_sentence(log: Path) -> None:
    with pytest.raises(Complaint) as told:
        _asked(log, "select nonsense from records")
    assert "\n" not in str(told.value)
    assert "nonsense" in str(told.value)


def test_standard_input_can_be_asked_about_records_and_sessions(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with log.open("rb") as raw:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(raw))
        question = "select count(*) from records join sessions using (uuid)"
        with asking_logs(["-"], question, Skipped()) as asked:
            assert list(asked.answer(question).rows()) == _asked(log, question)
