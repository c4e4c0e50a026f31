"""`virt-warden audit show`: the raw records of events, in less time than most imports take."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.events.made import Guest, Made
from virtwarden.cli import FAILED, PASSED, USAGE, main

WEB = Guest("web")
HEAVY = ("argparse", "re", "enum", "typing", "msgspec", "rich", "dataclasses", "pathlib", "json")


@pytest.fixture
def log(tmp_path: Path) -> tuple[Made, Path]:
    host = Made(enriched=True)
    host.start(WEB)
    host.denied(WEB, "/etc/shadow")
    return host, host.write(tmp_path / "audit.log")


def ids(host: Made) -> list[str]:
    return [line.split("(")[1].split(")")[0] for line in host.lines]


def test_the_records_are_as_they_stand_in_the_log(
    log: tuple[Made, Path], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    host, path = log
    last = ids(host)[-1]
    expected = "".join(f"{line}\n" for line in host.lines if f"({last})" in line).encode()
    for name in (last, last.split(":")[1]):
        assert main(["audit", "show", name, "-f", str(path)]) == PASSED
        assert capfdbinary.readouterr().out == expected


def test_several_events_are_shown_and_those_that_are_not_there_are_named(
    log: tuple[Made, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    host, path = log
    first, second = ids(host)[:2]
    assert main(["audit", "show", first, "77", second, "--file", str(path)]) == FAILED
    told = capfd.readouterr()
    assert told.out.count(f"({first})") == 1
    assert told.out.count(f"({second})") == 1
    assert told.err == f"virt-warden: there is no event 77 in {path}\n"


def test_a_damaged_file_is_told_of_once_beside_what_was_found(
    log: tuple[Made, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    host, path = log
    path.with_name("audit.log.1.gz").write_bytes(gzip.compress(b"type=USER msg=audit(1795400000.000:5): x\n")[:-9])
    first, second = ids(host)[0].split(":")[1], ids(host)[1].split(":")[1]
    assert main(["audit", "show", first, second, "-f", str(path.parent)]) == PASSED
    told = capfd.readouterr()
    assert told.out.count("\n") == 2
    assert "audit.log.1.gz is damaged" in told.err
    assert told.err.count("\n") == 1


def test_what_is_not_in_the_sound_part_of_a_damaged_file_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.log.gz"
    path.write_bytes(gzip.compress(b"type=USER msg=audit(1795400000.000:5): x\n")[:-9])
    assert main(["audit", "show", "53", "-f", str(path)]) == FAILED
    missing, damage = capfd.readouterr().err.splitlines()
    assert missing == f"virt-warden: there is no event 53 in what could be read of {path}"
    assert "is damaged" in damage


def test_whose_each_event_is_is_said_where_only_folders_say_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs: list[str] = []
    for host in ("kvm1", "kvm2"):
        (tmp_path / host).mkdir()
        (tmp_path / host / "audit.log").write_text(f"type=USER msg=audit(1795400000.000:5): of={host}\n")
        logs += ["-f", str(tmp_path / host)]
    line = "type=USER msg=audit(1795400000.000:5): of="
    assert main(["audit", "show", "5", *logs]) == PASSED
    assert capfd.readouterr().out == f"# kvm1\n{line}kvm1\n# kvm2\n{line}kvm2\n"
    assert main(["audit", "show", "kvm2/5", *logs]) == PASSED
    assert capfd.readouterr().out == f"{line}kvm2\n"


def test_records_are_interpreted_where_that_is_asked_for(
    log: tuple[Made, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    host, path = log
    assert main(["audit", "show", "-i", ids(host)[-1], "-f", str(path)]) == PASSED
    told = capfd.readouterr().out
    assert told.startswith("----\n")
    assert "syscall=openat" in told


@pytest.mark.parametrize("words", [[], ["x"], ["5", "--nope"], ["5", "-f"], ["5", "-f", "/nowhere"]])
def test_what_makes_no_sense_is_one_sentence(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", *words]) == USAGE
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_a_terminal_is_shown_nothing_that_can_harm_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"type=USER msg=audit(1795464000.000:5): \x1b[2Jx\n")
    ours, theirs = os.openpty()
    subprocess.run(
        (sys.executable, "-c", "from virtwarden.cli import main; main()", "audit", "show", "5", "-f", str(path)),
        stdout=theirs, check=True, timeout=60,
    )  # fmt: skip
    assert rb"\x1b[2Jx" in os.read(ours, 1000)


def test_nothing_heavy_is_imported(log: tuple[Made, Path]) -> None:
    host, path = log
    told = "from virtwarden.cli import main; main(); sys.stderr.write(' '.join(sys.modules))"
    program = f"import sys; sys.path[:0] = {sys.path!r}; {told}"
    done = subprocess.run(
        (sys.executable, "-S", "-c", program, "audit", "show", ids(host)[-1], "-f", str(path)),
        capture_output=True, check=True, timeout=60, text=True,
    )  # fmt: skip
    assert not set(HEAVY) & set(done.stderr.split())
