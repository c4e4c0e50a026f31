"""`virt-warden audit follow`, as a process of its own beside whoever writes the log."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.events.made import Guest, Made
from virtwarden.cli import USAGE, main

_MAIN = "import sys; from virtwarden.cli import main; sys.exit(main())"
WEB, DB = Guest("web"), Guest("db")


@contextmanager
def following(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The command, ended at last."""
    process = subprocess.Popen(
        (sys.executable, "-c", _MAIN, "audit", "follow", *words),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def written(path: Path, host: Made, since: int = 0) -> int:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in host.lines[since:])
    return len(host.lines)


def lines(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline() for _ in range(count)]


def test_it_tells_what_is_written_over_a_rotation_and_ends_when_interrupted(tmp_path: Path) -> None:
    log, host = tmp_path / "audit.log", Made()
    host.start(WEB)
    done = written(log, host)
    with following(str(log)) as process:
        time.sleep(1.5)
        host.stop(WEB, "crashed")
        done = written(log, host, done)
        (stopped,) = lines(process.stdout, 1)
        assert "web" in stopped
        assert "crashed" in stopped
        log.rename(tmp_path / "audit.log.1")
        first = len(host.lines)
        host.start(DB)
        written(log, host, done)
        started = lines(process.stdout, len(host.lines) - first)
        assert "db" in started[-1]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_only_the_guest_that_is_named_is_told_of_as_json_too(tmp_path: Path) -> None:
    log, host = tmp_path / "audit.log", Made()
    host.start(WEB)
    host.start(DB)
    host.stop(WEB)
    host.stop(DB)
    written(log, host)
    with following(
        "--from-start", "--json", "--vm", "db", "--kind", "start", "--kind", "stop", str(log)
    ) as process:
        told = [json.loads(line) for line in lines(process.stdout, 2)]
    assert [(each["guest"], each["kind"]) for each in told] == [("db", "start"), ("db", "stop")]


def test_a_name_that_is_no_utf_8_is_told_as_json_too(tmp_path: Path) -> None:
    log, host = tmp_path / "audit.log", Made()
    host.control(Guest("w\udcffb"), "start", "booted")
    written(log, host)
    with following("--from-start", "--json", "--kind", "start", str(log)) as process:
        (told,) = lines(process.stdout, 1)
    assert json.loads(told)["guest"] == r"w\xffb"


def test_standard_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "follow", "-"]) == USAGE
    assert "name the file" in capsys.readouterr().err
