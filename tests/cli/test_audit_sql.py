"""`virt-warden audit sql`."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.events.columns.kit import RECORDED
from virtwarden.cli import PASSED, USAGE, main

GUESTS = "select distinct guest from sessions order by 1"


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A recorded log."""
    path = tmp_path / "audit.log"
    path.write_bytes(RECORDED["apparmor.log.xz"])
    return str(path)


def test_the_answer_is_a_table(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "sql", GUESTS, log]) == PASSED
    assert capsys.readouterr().out == "guest\n──────\ng-kvm\ng-qemu\n2 rows\n"


def test_the_answer_can_be_json_or_csv(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "sql", GUESTS, log, "--json"]) == PASSED
    assert json.loads(capsys.readouterr().out) == [{"guest": "g-kvm"}, {"guest": "g-qemu"}]
    assert main(["audit", "sql", GUESTS, log, "--csv"]) == PASSED
    assert capsys.readouterr().out == "guest\r\ng-kvm\r\ng-qemu\r\n"


def test_the_answer_can_be_parquet_for_its_owner_alone(log: str, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert main(["audit", "sql", GUESTS, log, "--parquet", str(out)]) == PASSED
    assert pl.read_parquet(out)["guest"].to_list() == ["g-kvm", "g-qemu"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_folder_of_imports_is_asked(log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["audit", "import", str(tmp_path / "in"), log])
    capsys.readouterr()
    assert main(["audit", "sql", GUESTS, "--dir", str(tmp_path / "in"), "--json"]) == PASSED
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_what_is_not_printable_is_spelled_out(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    question = "select chr(27) || '[31m' || chr(8238) as \"a\x1b\""
    assert main(["audit", "sql", question, log]) == PASSED
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert r"\x1b[31m\u202e" in told


def test_no_cell_of_csv_is_a_formula(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["audit", "sql", "select '=1+1' as a", log, "--csv"])
    assert "\n=1" not in capsys.readouterr().out


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_every_kind_of_value_can_be_told(log: str, form: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    question = (
        "select 1.5::decimal(9,2), date '2026-11-30', [1, 2], {'a': time '10:00'}, 'a'::blob, null, true, "
        "interval 1 day, uuid(), map {'k': 1}, timestamp '2026-11-30 01:02:03.5', 1e300, 'nan'::double"
    )
    assert main(["audit", "sql", question, log, *form]) == PASSED
    if form == ["--json"]:
        assert len(json.loads(capsys.readouterr().out)) == 1


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("drop table x", "only one SELECT can be asked"),
        ("select", "the SQL cannot be answered"),
        ("select x from records", "the SQL cannot be answered"),
        ("select * from read_text('/etc/passwd')", "the SQL cannot be answered"),
    ],
)
def test_what_cannot_be_answered_is_told_in_a_sentence(
    log: str, question: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "sql", question, log]) == USAGE
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_a_question_that_fails_leaves_no_file(log: str, tmp_path: Path) -> None:
    assert main(["audit", "sql", "select x from records", log, "--parquet", str(tmp_path / "o.parquet")]) == USAGE
    assert [each.name for each in tmp_path.iterdir()] == ["audit.log"]


def test_a_folder_and_logs_at_once_are_refused(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "sql", "select 1", log, "--dir", "x"]) == USAGE
    assert "not both" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["polars", "duckdb"])
def test_without_the_extra_it_is_said_what_to_install(log: str, package: str) -> None:
    program = (
        "import sys; sys.modules[sys.argv[1]] = None; from virtwarden.cli import main; exit(main(sys.argv[2:]))"
    )
    argv = (sys.executable, "-c", program, package, "audit", "sql", "select * from records", log)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == USAGE
    assert "pip install 'virt-warden[columns]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_only_what_is_required_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "sql"]) == USAGE
    assert "are required: SQL;" in capsys.readouterr().err


def test_logs_can_follow_the_options(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "sql", GUESTS, "--csv", log]) == PASSED
    assert capsys.readouterr().out == "guest\r\ng-kvm\r\ng-qemu\r\n"


@pytest.mark.parametrize("verb", [["sql", GUESTS], ["sessions"], ["events"]])
def test_an_answer_takes_the_place_of_nothing_but_a_file(
    log: str, tmp_path: Path, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for out, says in ((pipe, "is no regular file"), (tmp_path, "is a folder"), ("-", "standard output")):
        assert main(["audit", *verb, log, "--parquet", str(out)]) == USAGE
        told = capsys.readouterr().err
        assert says in told
        assert told.count("\n") == 1
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


@pytest.mark.parametrize("table", ["records", "sessions", "events"])
def test_a_log_that_cannot_be_read_is_named(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "sql", f"select count(*) from {table}", "/proc/self/mem"]) == USAGE
    assert capsys.readouterr().err == "virt-warden: /proc/self/mem cannot be read: Input/output error\n"


@pytest.mark.parametrize("verb", [["sql", "select count(*) from records"], ["import", "in"]])
def test_standard_input_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path, verb: list[str]) -> None:
    argv = (sys.executable, "-m", "virtwarden", "audit", *verb, "-")
    closed = ("/bin/sh", "-c", '"$@" <&-', "sh", *argv)
    with open("/proc/self/mem", "rb", buffering=0) as broken:
        for words, stdin in ((closed, None), (argv, broken)):
            done = subprocess.run(words, stdin=stdin, capture_output=True, text=True, check=False, cwd=tmp_path)
            assert done.returncode == USAGE
            assert done.stderr.startswith("virt-warden: standard input ")
            assert done.stderr.count("\n") == 1
