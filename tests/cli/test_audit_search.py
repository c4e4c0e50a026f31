"""`virt-warden audit search` beside `ausearch --interpret`, and its options."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import virtwarden
from benchmarks.auditlogs import write_log
from tests.events.ctools import ausearch
from tests.events.made import Guest, Made
from virtwarden.cli import FAILED, PASSED, USAGE, main
from virtwarden.cli.audit.likeausearch import reworded

WEB = Guest("web")
SAMPLE = Path(virtwarden.__file__).with_name("demo") / "audit.log"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three megabytes of a busy host."""
    return write_log(tmp_path_factory.mktemp("busy") / "audit.log", 3 << 20, virt_share=0.1, guests=30)


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def told(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["audit", "search", *words]) == PASSED
    return capfd.readouterr().out


def test_it_prints_what_ausearch_prints(busy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    real = [line.rstrip() for line in ausearch(busy, "-k", "virt_", "-i").split("\n")]
    mine = told(capfd, "-k", "virt_", str(busy)).split("\n")
    assert len(mine) > 300
    assert mine == real


def test_it_reads_standard_input(
    busy: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = told(capfd, "-k", "virt_", str(busy))
    with busy.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert told(capfd, "-k", "virt_", "-") == expected


def test_raw_records_can_be_searched_again(busy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    again = tmp_path / "audit.log"
    again.write_text(told(capfd, "--raw", "-k", "virt_", str(busy)))
    assert told(capfd, "-k", "virt_", str(again)) == told(capfd, "-k", "virt_", str(busy))


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--guest", "web", "-m", "VIRT_CONTROL"], 2),
        (["--uuid", WEB.uuid, "-m", "VIRT_CONTROL,VIRT_MACHINE_ID"], 4),
        (["-m", "virt_control", "--success", "no"], 0),
        (["-m", "2500"], 2),
        (["-vm", "we", "-m", "VIRT_CONTROL"], 2),
        (["-vm", "we", "-w"], 0),
        (["--guest", "we"], 0),
        (["--guest", "?e*", "-m", "VIRT_CONTROL"], 2),
        (["-ui", "root", "-m", "VIRT_CONTROL"], 2),
        (["-ul", "unset", "-m", "VIRT_CONTROL"], 2),
        (["-x", "libvirtd", "-w"], 0),
        (["-m", "VIRT_CONTROL", "-te", "2026-11-22"], 0),
        (["-m", "VIRT_CONTROL", "-ts", "2026-11-23"], 2),
    ],
)
def test_each_option_says_which_events(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], count: int
) -> None:
    host = Made()
    host.start(WEB)
    host.stop(WEB)
    path = str(host.write(tmp_path / "audit.log"))
    assert main(["audit", "search", *words, "--", path]) == (PASSED if count else FAILED)
    assert capfd.readouterr().out.count("----\n") == count


@pytest.mark.parametrize(
    "words",
    [
        "-m ALL", "-m 1400", "-m 1302,avc", "-m 1999", "-vm db", "-vm db01 -w", "-vm db -w", "-a 53", "-c qemu",
        "-c ca -w", "-sc 257", "-sc openat", "-sc open", "-e -13", "-e -EACCES", "-e EACCES",
    ],
)  # fmt: skip
def test_what_is_asked_in_words_of_ausearch_is_found_as_by_it(
    capfd: pytest.CaptureFixture[str], words: str
) -> None:
    main(["audit", "search", *words.split(), "--raw", "--", str(SAMPLE)])
    real = ausearch(SAMPLE, *words.split(), "--raw").replace("\x1d\n", "\n")
    assert sorted(capfd.readouterr().out.splitlines()) == sorted(real.splitlines())


def test_logs_and_times_are_named_as_ausearch_has_them(capfd: pytest.CaptureFixture[str]) -> None:
    everything = told(capfd, "-m", "ALL", "-i", str(SAMPLE))
    first = everything.split("audit(")[1].split(" : ")[0]
    assert told(capfd, "-ts", "2026-11-16", "00:00:00", "-te", "11/30/2030", "9:00:00", "-if", str(SAMPLE))
    assert first in everything
    assert main(["audit", "search", "-m", "ALL", "-te", "2020-01-01", "10:00", str(SAMPLE)]) == FAILED


def test_a_time_is_the_next_word_only_where_it_looks_like_one() -> None:
    assert reworded(["-ts", "2026-11-16", "10:00", "-te", "now", "log"]) == [
        "-ts",
        "2026-11-16 10:00",
        "-te",
        "now",
        "log",
    ]
    assert reworded(["-te", "10:00", "11:00", "-e", "-13"]) == ["-te", "10:00", "11:00", "--exit=-13"]
    assert reworded(["-ts", "today", "-e", "0", "--", "-e"]) == ["-ts", "today", "--exit=0", "--", "-e"]
    assert reworded(["-ts"]) == ["-ts"]
    assert reworded(["-ts", "yesterday", "1:00"])[1].endswith(" 1:00")


def test_what_only_ausearch_has_is_refused_with_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "search", "-hn", "x"]) == USAGE
    assert "pipe that into ausearch -hn" in capfd.readouterr().err


def test_a_log_that_cannot_be_read_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "search", "-m", "ALL", "/proc/self/mem"]) == USAGE
    assert capfd.readouterr().err == "virt-warden: /proc/self/mem cannot be read: Input/output error\n"


def test_a_type_that_is_newer_than_auditd_is_found_by_its_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"type=UNKNOWN[1423] msg=audit(1795464000.000:5): domain=1\n")
    assert "domain=1" in told(capfd, "-m", "LANDLOCK_ACCESS", str(path))


def test_nothing_found_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = Made().write(tmp_path / "audit.log")
    assert main(["audit", "search", "-k", "virt_", str(path)]) == FAILED
    assert "no event has what was looked for" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words", [[], ["-k"], ["-k", "x", "/nowhere"], ["-ui", "nobody-here"], ["-p", "x"], ["-m", "AVC,NOSUCH"]]
)
def test_what_makes_no_sense_is_one_sentence(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "search", *words]) == USAGE
    assert capfd.readouterr().err.count("\n") == 1


def test_control_characters_in_a_log_are_spelled_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b'type=USER msg=audit(1795464000.000:5): key="virt_\x1b[2J" x=\xff\x9b name=1B5B324A\n')
    out = told(capfd, "-k", "virt_", str(path))
    assert "\x1b" not in out
    assert out.endswith("key=virt_\\033[2J x=\\xff\\x9b name=\\033[2J\n")
