"""What opens and closes sessions, and what does not."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest

from tests.events.made import Guest, Made
from virtwarden.complaint import Complaint
from virtwarden.events import Event, Session, Skipped, events, sessions, slices
from virtwarden.events.logs import Log
from virtwarden.events.marks import LIVES, searching
from virtwarden.events.model import Ending, Kind
from virtwarden.events.times import window

WEB = Guest("web")


def lived(made: Made, tmp_path: Path) -> list[Session]:
    return list(sessions([str(made.write(tmp_path / "audit.log"))], Skipped()))


def told(made: Made, tmp_path: Path) -> list[Event]:
    return list(events([str(made.write(tmp_path / "audit.log"))], Skipped()))


def test_a_shutdown_that_was_called_off_ends_no_session(tmp_path: Path) -> None:
    made = Made()
    made.boot()
    made.start(WEB)
    made.shut_down()
    made.wait(5000)
    made.attach(WEB, "disk", "/data/more.img")
    path = str(made.write(tmp_path / "audit.log"))
    assert [each.ending for each in sessions([path], Skipped())] == [Ending.HOST_DOWN]  # reads no resources
    assert all(each.session for each in events([path], Skipped()) if each.kind is Kind.RESOURCE)
    made.stop(WEB, "destroyed")
    assert [each.ending for each in lived(made, tmp_path)] == [Ending.DESTROYED]


def test_a_boot_that_is_told_twice_without_a_daemon_between_is_one(tmp_path: Path) -> None:
    made = Made()
    made.boot()
    made.start(WEB)
    boot = next(line for line in made.lines if "SYSTEM_BOOT" in line)
    serial = max(int(line.split("):")[0].rpartition(":")[2]) for line in made.lines if "DAEMON" not in line) + 1
    head, _, rest = boot.partition("msg=audit(")
    seconds = rest.split(".")[0]
    made.lines.append(f"{head}msg=audit({seconds}.999:{serial}):{rest.partition('):')[2]}")
    made.wait(5)
    made.stop(WEB)
    assert [each.ending for each in lived(made, tmp_path)] == [Ending.SHUTDOWN]


def test_a_field_that_is_no_number_is_none(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    made.lines.append(
        "type=AVC msg=audit(1795464100.000:900): avc:  denied  { read } for  comm=x pid=--5 scontext=a:b:c:s0 "
        "tcontext=a:b:c:s0 tclass=file"
    )
    denial = next(each for each in told(made, tmp_path) if each.kind is Kind.DENIAL)
    assert getattr(denial.detail, "pid", 1) is None


def test_what_comes_too_late_is_counted(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    line = made.lines.pop(3)
    for _ in range(700):
        made.attach(WEB, "disk", "/data/more.img")
    made.lines.append(line)
    skipped = Skipped()
    list(events([str(made.write(tmp_path / "audit.log"))], skipped))
    assert skipped.late == 1


def test_two_denials_of_one_event_are_two_and_their_copies_are_none(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    head = "type=AVC msg=audit(1795464100.000:900): avc:  denied  { %s } for  pid=1 comm=x"
    tail = f"scontext={WEB.process} tcontext={WEB.image} tclass=file"
    pair = [f"{head % permission} {tail}" for permission in ("read", "open")]
    made.lines += pair
    made.lines += pair
    skipped = Skipped()
    found = list(events([str(made.write(tmp_path / "audit.log"))], skipped))
    assert sum(each.kind is Kind.DENIAL for each in found) == 2
    assert skipped.repeated == 2


@pytest.mark.parametrize(("start", "end"), [(None, "9999-12-31"), ("999999999999", None), (None, "0001-01-01")])
def test_times_beyond_all_logs_are_told_in_a_sentence_or_taken(start: str | None, end: str | None) -> None:
    try:
        window(start, end)
    except Complaint as wrong:
        assert "no time" in str(wrong)  # noqa: PT017


def test_a_pipe_with_a_name_is_read_once(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(made.data,), daemon=True)
    writer.start()
    assert [each.guest for each in sessions([str(pipe)], Skipped())] == ["web"]
    writer.join(timeout=10)


def test_a_file_that_gets_shorter_while_it_is_read_has_no_lines_of_before(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(b"type=VIRT_CONTROL %07d\n" % number for number in range(40_000)))
    left = 500_017
    windows = slices.windows(Log(str(path)), Skipped(), searching(LIVES), 65_536, large=1)
    assert windows is not None
    seen: list[bytes] = []
    for number, one in enumerate(windows):
        if number == 1:
            os.truncate(path, left)
        seen += one.text[one.start : one.stop].splitlines()
    whole = [line for line in seen if len(line) == 25]
    assert [int(line[18:]) for line in whole] == sorted({int(line[18:]) for line in whole})
    assert len(seen) - len(whole) <= 1


def test_a_whole_log_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    made = Made()
    other = Guest("other")
    for _ in range(3):
        made.boot()
        made.noise(400)
        made.start(WEB)
        made.wait(60)
        made.start(other)
        made.stop(WEB)
        made.wait(30)
    made.lines = made.lines[:-1]
    once, twice = tmp_path / "once.log", tmp_path / "twice.log"
    once.write_bytes(made.data)
    twice.write_bytes(made.data * 2)
    assert list(sessions([str(twice)], Skipped())) == list(sessions([str(once)], Skipped()))
    assert list(sessions([str(once), str(twice)], Skipped())) == list(sessions([str(once)], Skipped()))


def test_a_clock_that_was_set_back_into_the_last_boot_loses_nothing(tmp_path: Path) -> None:
    made = Made()
    for _ in range(2):
        made.boot()
        made.start(WEB)
        made.wait(-1800)
        made.stop(WEB)
        made.wait(3600)
    assert [each.ending for each in lived(made, tmp_path)] == [Ending.SHUTDOWN, Ending.SHUTDOWN]


def test_records_of_rhel_6_end_with_a_colon_that_belongs_to_nothing(tmp_path: Path) -> None:
    made = Made(rhel6=True)
    made.start(WEB)
    path = tmp_path / "audit.log"
    path.write_text(made.text.replace(" exe=", ": exe="))
    one, other = list(events([str(path)], Skipped())), told(made, tmp_path)
    assert [each.detail for each in one] == [each.detail for each in other]
    assert {each.uuid for each in one if each.guest} == {WEB.uuid}


def test_a_label_without_its_model_is_known_by_its_form(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    made.denied(WEB, "/etc/shadow")
    path = tmp_path / "audit.log"
    path.write_text(made.text.replace(" model=selinux", "").replace(" model=dac", ""))
    (session,) = sessions([str(path)], Skipped())
    assert [label.model for label in session.labels] == ["selinux"]
    assert any(each.kind is Kind.DENIAL and each.session for each in events([str(path)], Skipped()))
