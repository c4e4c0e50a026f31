"""`virt-warden auvirt` beside the real auvirt: line for line where that is right, and each difference that
docs/reference/auvirt.md lists, with what both print."""

from __future__ import annotations

import gzip
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.events.ctools import auvirt, rows
from tests.events.made import Guest, Made, merged
from virtwarden.cli import PASSED, USAGE, main
from virtwarden.report.audit import auvirt as printed

RECORDED = Path(__file__).parents[1] / "events/recorded"
REFERENCE = Path(__file__).parents[2] / "docs/reference/auvirt.md"
WEB = Guest("web")
AT = "Mon Nov 23 20:00"

Run = Callable[..., str]


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command in UTC and gives what it prints."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    printed._minute.cache_clear()

    def run(*words: str) -> str:
        assert main(["auvirt", *words]) == PASSED
        return capsys.readouterr().out

    yield run
    monkeypatch.undo()
    time.tzset()
    printed._minute.cache_clear()


def brief(host: Made, guest: Guest = WEB, reason: str = "booted") -> None:
    """A start without resources."""
    host.identity(guest)
    host.control(guest, "start", reason)


def cut(text: str) -> list[str]:
    """Our lines as auvirt would cut them: columns at their widths, and of a proof the serials."""
    return [_cut(line) for line in text.splitlines()]


def _cut(line: str) -> str:
    if line.startswith("    Proof: "):
        return "    Proof:" + ",".join(
            id_.rpartition(":")[2] for id_ in line.removeprefix("    Proof: ").split(", ")
        )
    cells = line.split("\t")
    typed = 7 if re.match(r"(start|stop |resrc|avc  |anom ) ", line) else 0
    widths = [22 + typed, *([36] if cells[1:] and cells[1][8:9] == "-" else []), 11, 32, 12, 10]
    return "\t".join(cell[:width] for cell, width in zip(cells, [*widths, *[999] * 9], strict=False))


# Line for line


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A log of which auvirt makes no mistake but to cut columns: guests come and go, fail, are changed."""
    host = Made(enriched=True)
    guests = [Guest(name, mem=524288) for name in ("web", "db", "two words")]
    for guest in guests:
        host.start(guest)
        host.noise(8)
        host.wait(3)
    for step, guest in enumerate(guests * 4):
        host.attach(guest, "disk", f"/srv/{step}.img", ok=step % 3 != 1)
        host.wait(7)
        if step % 2:
            host.detach(guest, "disk", f"/srv/{step}.img")
        host.update(guest, "mem", str(guest.mem), str(guest.mem // 2))
        host.update(guest, "vcpu", "2", "4")
        host.denied(guest, "/etc/shadow" if step % 2 else "shadow")
        host.wait(86_400 + step * 599)
        host.stop(guest, ("shutdown", "destroyed", "crashed", "saved", "migrated")[step % 5])
        host.wait(5)
        if step == 4:
            host.fail_to_start(guest)
        host.start(guest, ("booted", "restored", "migrated", "from-snapshot")[step % 4])
    host.lines = [line for line in host.lines if "resrc=chardev" not in line]
    return host.write(tmp_path / "plain.log")


def test_sessions_are_auvirts_line_for_line(plain: Path, ours: Run) -> None:
    theirs = auvirt(plain).splitlines()
    assert len(theirs) == 16
    assert cut(ours("--file", str(plain))) == theirs
    assert cut(ours("-f", str(plain), "--show-uuid")) == auvirt(plain, "--show-uuid").splitlines()


@pytest.mark.parametrize("options", [["-a"], ["--all-events", "--show-uuid"], ["-a", "--proof"], ["--proof"]])
def test_all_events_and_proofs_are_auvirts_line_for_line(plain: Path, ours: Run, options: list[str]) -> None:
    mine = [line.replace("\t/etc/shadow", "\tshadow") for line in cut(ours("-f", str(plain), *options))]
    assert mine == auvirt(plain, *options).splitlines()


@pytest.mark.parametrize(
    "options", [["--vm", "db"], ["-v", "two words", "-a"], ["-u", WEB.uuid], ["--vm", "none"]]
)
def test_one_guest_is_auvirts_line_for_line(plain: Path, ours: Run, options: list[str]) -> None:
    theirs = [line for line in auvirt(plain, *options).splitlines() if not line.startswith("avc")]
    mine = [line for line in cut(ours("-f", str(plain), *options)) if not line.startswith("avc")]
    assert mine == theirs


@pytest.mark.parametrize("options", [["-s"], ["--summary", "-a"]])
def test_the_summary_is_auvirts(plain: Path, ours: Run, options: list[str]) -> None:
    assert ours("-f", str(plain), *options) == auvirt(plain, *options)


def test_an_empty_log_has_a_summary_of_noughts(tmp_path: Path, ours: Run) -> None:
    log = tmp_path / "empty.log"
    log.touch()
    assert ours("-f", str(log), "-s") == auvirt(log, "-s")
    assert ours("-f", str(log)) == auvirt(log) == ""


@pytest.mark.parametrize("form", ["raw", "enriched"])
def test_real_logs_are_auvirts_but_for_a_stop_that_was_not_told(tmp_path: Path, ours: Run, form: str) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(
        b"".join((RECORDED / form / name).read_bytes() for name in ("audit.log.2", "audit.log.1", "audit.log"))
    )
    theirs, mine = auvirt(log, "-a", "--show-uuid").splitlines(), cut(ours("-f", str(log), "-a", "--show-uuid"))
    untold = [(one, other) for one, other in zip(theirs, mine, strict=True) if one != other]
    assert any(one.startswith("start") for one, _ in untold)
    for one, other in untold:
        assert re.sub(r" - [0-9:]{5}  \([0-9:]{5}", " " * 16, other) == one


def test_standard_input_and_a_folder_are_read_as_well(
    plain: Path, ours: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = ours("-f", str(plain))
    with plain.open() as text:
        monkeypatch.setattr(sys, "stdin", text)
        assert ours("--stdin") == expected
    folder = tmp_path / "audit"
    folder.mkdir()
    lines = plain.read_bytes().splitlines(keepends=True)
    (folder / "audit.log.1.gz").write_bytes(gzip.compress(b"".join(lines[:90])))
    (folder / "audit.log").write_bytes(b"".join(lines[90:]))
    assert ours("-f", str(folder)) == expected


# Differences


def test_the_end_of_a_period_and_long_names_are_not_cut(tmp_path: Path, ours: Run) -> None:
    host = Made(enriched=True)
    guest = Guest("a-guest-with-quite-a-long-name")
    brief(host, guest)
    host.wait(10 * 86400)
    host.stop(guest)
    log = host.write(tmp_path / "audit.log")
    assert auvirt(log) == f"a-guest-with-quite-a-l\troot       \t{AT} - 20:00  (10+00\n"
    assert ours("-f", str(log)) == f"a-guest-with-quite-a-long-name\troot       \t{AT} - 20:00  (10+00:00)\n"


def test_a_proof_has_times_since_serials_come_again_at_every_boot(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    host.wait(5)
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    assert auvirt(log, "--proof").splitlines()[1:] == ["    Proof:102,103", ""]
    proof = ["    Proof: 1795464000.002:102, 1795464005.003:103", ""]
    assert ours("-f", str(log), "--proof").splitlines()[1:] == proof


def test_a_host_that_goes_down_ends_sessions_and_is_a_line(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    host.wait(600)
    host.shut_down()
    log = host.write(tmp_path / "audit.log")
    assert rows(auvirt(log, "-a")) == [["start  web", "root", AT]]
    mine = rows(ours("-f", str(log), "-a"))
    assert [row[0] for row in mine] == ["start  web", "down"]
    assert mine[0][2] == f"{AT} - 20:10  (00:10)"
    assert [row[0] for row in rows(ours("-f", str(log), "-a", "--vm", "web"))] == ["start  web", "down"]


def test_a_host_that_crashed_ends_sessions_when_it_booted_at_the_latest(tmp_path: Path, ours: Run) -> None:
    host = Made()
    host.boot()
    brief(host)
    host.wait(600)
    host.boot()
    log = host.write(tmp_path / "audit.log")
    assert rows(auvirt(log)) == [["web", "root", AT]]
    assert rows(ours("-f", str(log))) == [["web", "root", f"{AT} - 20:10  (00:10)"]]


def test_a_stop_that_was_not_told_is_the_next_start_at_the_latest(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    host.wait(600)
    brief(host)
    log = host.write(tmp_path / "audit.log")
    assert [row[2] for row in rows(auvirt(log))] == [AT, "Mon Nov 23 20:10"]
    assert [row[2] for row in rows(ours("-f", str(log)))] == [f"{AT} - 20:10  (00:10)", "Mon Nov 23 20:10"]


def test_a_stop_of_a_guest_that_ran_before_the_log_is_a_line(tmp_path: Path, ours: Run) -> None:
    host = Made()
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    assert auvirt(log, "-a") == ""
    assert rows(ours("-f", str(log), "-a")) == [["stop   web", "root", AT]]


def test_the_clearing_up_behind_a_failed_start_is_no_stop(tmp_path: Path, ours: Run) -> None:
    host = Made()
    host.identity(WEB)
    host.stop(WEB, "failed")
    host.control(WEB, "start", "booted", ok=False)
    log = host.write(tmp_path / "audit.log")
    assert ours("-f", str(log), "-a") == auvirt(log, "-a")


def test_every_resource_is_a_line_until_it_is_taken_away(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    others = host.every_other_resource(WEB)
    host.opened(WEB, "52:54:00:00:00:01")
    host.wait(60)
    host.device(WEB, "detach", "pci", "0000:01:00.0")
    log = host.write(tmp_path / "audit.log")
    assert rows(auvirt(log, "-a")) == [["start  web", "root", AT]]
    mine = rows(ours("-f", str(log), "-a"))[1:]
    assert sorted(row[3] for row in mine) == sorted(others)
    assert mine[0][2:] == [f"{AT} - 20:01  (00:01)", "dev", "start", "0000:01:00.0"]


def test_denials_are_of_the_guest_that_held_the_label_and_of_its_images(tmp_path: Path, ours: Run) -> None:
    host = Made(enriched=True)
    brief(host)
    host.touched(WEB)
    host.wait(60)
    host.stop(WEB)
    host.denied(WEB, "/etc/shadow")
    log = host.write(tmp_path / "audit.log")
    assert [row[1:] for row in rows(auvirt(log, "-a")) if row[0].startswith("avc")] == [
        ["qemu", "Mon Nov 23 20:01", "read", "denied", "qemu-kvm", "shadow", ""],
    ]
    assert [row[1:] for row in rows(ours("-f", str(log), "-a")) if row[0].startswith("avc")] == [
        ["alice", AT, "read", "denied", "cat", WEB.disks[0], ""],
    ]


def test_each_denial_of_an_event_is_a_line_with_its_path(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    tail = f'dev="vda1" ino=1 scontext={WEB.process} tcontext=system_u:object_r:etc_t:s0 tclass=file permissive=1'
    records = [
        ("AVC", f'avc:  denied  {{ {what} }} for  pid={WEB.pid} comm="qemu-kvm" path="/etc/a" {tail}', "")
        for what in ("read", "open")
    ]
    host.event(*records, host.syscall(pid=WEB.pid, uid=0, comm="qemu-kvm", subject=WEB.process))
    log = host.write(tmp_path / "audit.log")
    assert [row[3:] for row in rows(auvirt(log, "-a"))[1:]] == [["read", "denied", "qemu-kvm", "", ""]]
    assert [row[3:] for row in rows(ours("-f", str(log), "-a"))[1:]] == [
        ["read", "denied", "qemu-kvm", "/etc/a", ""], ["open", "denied", "qemu-kvm", "/etc/a", ""],
    ]  # fmt: skip


def test_anomalies_are_found(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    brief(host, Guest("other"))
    host.abended(WEB)
    log = host.write(tmp_path / "audit.log")
    assert "anom" not in auvirt(log, "-a")
    assert [row[0] for row in rows(ours("-f", str(log), "-a"))] == ["start  web", "start  other", "anom   web"]


def test_hosts_of_one_stream_do_not_end_each_others_sessions(tmp_path: Path, ours: Run) -> None:
    here, there = Made("here"), Made("there", start=1_795_464_030)
    brief(here)
    brief(there, WEB, "migrated")
    here.wait(90)
    here.migrate_out(WEB)
    log = tmp_path / "audit.log"
    log.write_text(merged(here, there))
    assert [row[2] for row in rows(auvirt(log))] == [AT, f"{AT} - 20:01  (00:01"]
    assert [row[2] for row in rows(ours("-f", str(log)))] == [f"{AT} - 20:01  (00:01)", AT]


def test_compressed_logs_are_read(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    log = tmp_path / "audit.log.1.gz"
    log.write_bytes(gzip.compress(host.data))
    assert auvirt(log) == ""
    assert rows(ours("-f", str(log))) == [["web", "root", AT]]


def test_a_session_that_crosses_the_window_is_shown_whole(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    host.wait(7200)
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    whole = [["web", "root", f"{AT} - 22:00  (02:00)"]]
    assert auvirt(log, "--start", "11/23/26", "20:30:00") == ""
    assert rows(ours("-f", str(log), "--start", "11/23/26", "20:30:00")) == whole
    assert rows(auvirt(log, "--end", "11/23/26", "20:30:00")) == [["web", "root", AT]]
    assert rows(ours("-f", str(log), "--end", "11/23/26", "20:30:00")) == whole
    assert ours("-f", str(log), "-ts", "11/23/26", "22:30:00") == ""
    assert ours("-f", str(log), "-te", "11/23/26", "19:30:00") == ""


def test_an_end_without_a_time_is_the_end_of_that_day(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    log = host.write(tmp_path / "audit.log")
    assert auvirt(log, "--end", "11/23/26") == ""
    for date in ("11/23/26", "11/23/2026", "2026-11-23"):
        assert rows(ours("-f", str(log), "-te", date)) == [["web", "root", AT]]
    assert ours("-f", str(log), "-te", "11/22/26") == ""


def test_a_length_of_less_than_nothing_is_not_shown(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    host.wait(-7200)
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    assert rows(auvirt(log))[0][2] == f"{AT} - 18:00  (-2:00"
    assert rows(ours("-f", str(log)))[0][2] == f"{AT} - 18:00  (?)"


def test_records_out_of_order_and_repeated_ones_make_no_sessions_of_their_own(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host)
    host.wait(60)
    host.stop(WEB)
    host.lines[2], host.lines[3] = host.lines[3], host.lines[2]
    host.lines *= 2
    log = host.write(tmp_path / "audit.log")
    assert len(rows(auvirt(log))) == 2
    assert rows(ours("-f", str(log))) == [["web", "root", f"{AT} - 20:01  (00:01)"]]


def test_what_a_terminal_would_obey_is_spelled_out(tmp_path: Path, ours: Run) -> None:
    host = Made()
    brief(host, Guest("\x1b[31mred\tand\nmore"))
    log = host.write(tmp_path / "audit.log")
    assert auvirt(log).startswith(r"\033[31mred\011and\012")
    assert ours("-f", str(log)).startswith(r"\x1b[31mred\tand\nmore")


def test_what_is_left_of_a_torn_log_is_said(tmp_path: Path, ours: Run, capsys: pytest.CaptureFixture[str]) -> None:
    host = Made()
    brief(host)
    log = tmp_path / "audit.log"
    log.write_bytes(host.data[:-30])
    assert main(["auvirt", "-f", str(log)]) == PASSED
    assert "in the midst of a line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--uuid", "x"], "x is no uuid"),
        (["--vm"], "expected one argument"),
        (["--bogus"], "--bogus"),
        (["extra"], "extra"),
        (["-ts", "someday"], "someday is no time"),
        (["-ts", "1", "2", "3"], "a date and a time"),
        (["--stdin", "-f", "x"], "not allowed with"),
        (["-f", "/nonexistent/log"], "/nonexistent/log"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["auvirt", *words]) == USAGE
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_every_test_of_a_difference_is_listed_in_the_reference() -> None:
    text = Path(__file__).read_text()
    named = re.findall(r"^def (test_\w+)", text.partition("# Differences")[2], re.MULTILINE)
    listed = set(re.findall(r"`(test_\w+)`", REFERENCE.read_text()))
    assert listed == set(named) - {"test_every_test_of_a_difference_is_listed_in_the_reference"}
