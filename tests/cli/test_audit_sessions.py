"""`audit sessions` and `audit events` as people run them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.events.made import Guest, Made
from virtwarden.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two days: alice starts web, which is denied something and destroyed; db fails once, then the host dies."""
    made = Made(enriched=True)
    web, db = Guest("web"), Guest("db")
    made.boot()
    made.ran("virsh", "start", "web")
    made.start(web)
    made.attach(web, "disk", "/data/more.img")
    made.denied(web, "/etc/shadow")
    made.promiscuous()
    made.wait(26 * 3600)
    made.stop(web, "destroyed")
    made.fail_to_start(db)
    made.start(db)
    made.wait(60)
    made.boot()
    return made.write(tmp_path / "audit.log")


def said(capsys: Capture, *words: object) -> str:
    assert main(["audit", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_line_tells_who_when_how_long_and_why(log: Path, capsys: Capture) -> None:
    lines = [line.split() for line in said(capsys, "sessions", log).splitlines()]
    assert lines[1][0] == "web"
    assert " ".join(lines[1][5:]) == "1 d 2 h root booted by alice → destroyed"
    assert " ".join(lines[2]).endswith("root booted → did not start")
    assert " ".join(lines[3]).endswith("root booted → went down with the host (at the latest then)")
    assert "≤" in " ".join(lines[3])


def test_a_session_that_crosses_the_window_is_in_it(log: Path, capsys: Capture) -> None:
    out = said(capsys, "sessions", "--start", "2026-11-24 10:00", "--end", "2026-11-24 12:00", log)
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["web"]


def test_guest_uuid_and_host_narrow_it(log: Path, capsys: Capture) -> None:
    assert len(said(capsys, "sessions", "--vm", "d*", log).splitlines()) == 3
    assert len(said(capsys, "sessions", "--uuid", Guest("web").uuid.upper(), log).splitlines()) == 2
    assert len(said(capsys, "sessions", "--host", "elsewhere", log).splitlines()) == 1


def test_json_and_csv_tell_the_same(log: Path, capsys: Capture) -> None:
    told = json.loads(said(capsys, "sessions", "--json", log))
    assert main(["audit", "sessions", "--csv", str(log)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["guest"] for row in rows] == [each["guest"] for each in told] == ["web", "db", "db"]
    assert told[0]["start_asked_by"] == "alice"
    assert told[0]["start_command"] == "virsh start web"
    assert [each["ending"] for each in told] == ["destroyed", "not started", "host down"]
    assert told[2]["ended_exactly"] is False
    assert list(rows[0]) == list(told[0])


def test_proof_names_the_records(log: Path, capsys: Capture) -> None:
    out = said(capsys, "sessions", "--proof", "--vm", "web", log)
    proof = out.splitlines()[3].split()
    assert proof[0] == "proof"
    text = log.read_text()
    assert all(f"msg=audit({id_}):" in text for id_ in proof[1:])


def test_events_tell_what_happened_to_a_guest(log: Path, capsys: Capture) -> None:
    lines = said(capsys, "events", "--vm", "web", log).splitlines()
    kinds = [line.split()[2] for line in lines]
    assert kinds[0] == "identity"
    assert {"resource", "start", "denial", "stop"} <= set(kinds)
    assert any("disk attach /data/more.img" in line for line in lines)
    assert any("denied" in line and "/etc/shadow" in line and "tied by label" in line for line in lines)


def test_what_is_about_no_guest_is_shown_on_demand(log: Path, capsys: Capture) -> None:
    assert "ANOM_PROMISCUOUS" not in said(capsys, "events", log)
    assert "ANOM_PROMISCUOUS" in said(capsys, "events", "--all", log)
    assert "SYSTEM_BOOT" in said(capsys, "events", "--kind", "boot", log)


def test_events_as_json_say_which_session_they_belong_to(log: Path, capsys: Capture) -> None:
    ids = {each["session"] for each in json.loads(said(capsys, "sessions", "--json", log))}
    events = json.loads(said(capsys, "events", "--json", log))
    assert {each["session"] for each in events if each["guest"]} == ids
    assert all(set(each) == set(events[0]) for each in events)


def test_what_was_skipped_is_told_on_standard_error(log: Path, capsys: Capture) -> None:
    with log.open("ab") as file:
        file.write(b"type=VIRT_CONTROL msg=audit(1:2): nonsense\ntype=VIRT_CON")
    assert main(["audit", "sessions", str(log)]) == 0
    complaints = capsys.readouterr().err
    assert "1 line of guests or denials could not be understood" in complaints
    assert "the log ends in the midst of a line" in complaints


def test_no_escape_sequence_reaches_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    made = Made()
    made.start(Guest("\x1b[2Jevil\u202e"))
    path = made.write(tmp_path / "audit.log")
    for words in (["sessions"], ["events"], ["sessions", "--json"], ["events", "--csv"]):
        assert "\x1b" not in said(capsys, *words, path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "there is no command audit nothing"),
        (["session"], "did you mean sessions?"),
        (["sessions", "--strat", "today"], "did you mean --start?"),
        (["sessions", "--start", "sometime"], "sometime is no time"),
        (["sessions", "/no/such/log"], "/no/such/log cannot be read"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(words: list[str], sentence: str, capsys: Capture) -> None:
    assert main(["audit", *words]) == 3
    complaint = capsys.readouterr().err
    assert sentence in complaint
    assert complaint.count("\n") == 1


def test_standard_input_is_read(log: Path) -> None:
    run = "import sys; from virtwarden.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", run, "audit", "sessions", "-"]
    with log.open("rb") as file:
        out = subprocess.run(command, stdin=file, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "web" in out


def test_a_closed_pipe_ends_it_quietly(log: Path) -> None:
    command = [sys.executable, "-c", "import sys; from virtwarden.cli import main; sys.exit(main(sys.argv[1:]))"]
    big = log.with_name("big.log")
    big.write_bytes(log.read_bytes() * 200)
    with subprocess.Popen(
        [*command, "audit", "events", str(big)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()
