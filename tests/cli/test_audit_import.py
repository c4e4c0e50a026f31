"""`virt-warden audit import`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.events.columns.kit import RECORDED, records
from tests.events.ctools import ausearch
from virtwarden.cli import PASSED, USAGE, main


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A recorded log."""
    path = tmp_path / "audit.log"
    path.write_bytes(RECORDED["selinux-permissive.log.xz"])
    return path


def test_it_says_how_much_is_new(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = log.read_bytes().count(b"\n")
    assert main(["audit", "import", str(tmp_path / "in"), str(log)]) == PASSED
    assert capsys.readouterr().out.startswith(f"{count:,} new records (0.2 MB) are in ")
    assert main(["audit", "import", str(tmp_path / "in"), str(log)]) == PASSED
    assert capsys.readouterr().out.startswith("0 new records")


def test_it_holds_as_many_events_as_ausearch_finds(log: Path, tmp_path: Path) -> None:
    main(["audit", "import", str(tmp_path / "in"), str(log)])
    found = records(tmp_path / "in")
    theirs = {
        (int(seconds) * 1000 + int(millis), int(serial))
        for seconds, millis, serial in re.findall(r"audit\((\d+)\.(\d+):(\d+)\)", ausearch(log, "--raw"))
    }
    ours = set(zip(found["time"].dt.epoch("ms"), found["serial"], strict=True))
    assert ours == theirs


def test_the_host_can_be_named(log: Path, tmp_path: Path) -> None:
    main(["audit", "import", str(tmp_path / "in"), str(log), "--host", "kvm1"])
    assert records(tmp_path / "in")["host"].unique().to_list() == ["kvm1"]
    assert (tmp_path / "in" / "host=kvm1").is_dir()


def test_what_is_no_record_is_kept_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "audit.log").write_bytes(b"rubbish\n\x00\xff\n")
    assert main(["audit", "import", str(tmp_path / "in"), str(tmp_path / "audit.log")]) == PASSED
    assert "2 lines are no audit records; kept with no type" in capsys.readouterr().err
    assert records(tmp_path / "in")["text"].sort().to_list() == ["\x00\\xff", "rubbish"]


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "import", str(log / "in"), str(log)]) == USAGE
    assert capsys.readouterr().err.startswith(f"virt-warden: {log}/in cannot be written: ")


def test_without_the_extra_it_is_said_what_to_install(log: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['polars'] = None; from virtwarden.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    argv = (sys.executable, "-c", program, "audit", "import", str(tmp_path / "in"), str(log))
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == USAGE
    assert "pip install 'virt-warden[columns]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_logs_can_follow_the_options(log: Path, tmp_path: Path) -> None:
    assert main(["audit", "import", str(tmp_path / "in"), "--host", "kvm1", str(log)]) == PASSED
    assert records(tmp_path / "in")["host"].unique().to_list() == ["kvm1"]


def test_only_what_is_required_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "import"]) == USAGE
    assert "are required: DIR;" in capsys.readouterr().err


def test_it_says_that_a_line_without_an_end_waits(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_bytes(log.read_bytes()[:-5])
    assert main(["audit", "import", str(tmp_path / "in"), str(log)]) == PASSED
    assert capsys.readouterr().err == (
        f"virt-warden: {log} ends in the midst of a line, which is left for the next import\n"
    )


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (3_000_000, "standard input ends in the midst of a line, which is taken as it is"),
        (20_000_000, "1 line longer than any record was skipped"),
    ],
)
def test_it_says_what_became_of_standard_input_without_an_end(tmp_path: Path, size: int, says: str) -> None:
    argv = (sys.executable, "-m", "virtwarden", "audit", "import", str(tmp_path / "in"), "-")
    done = subprocess.run(argv, input=bytes(size), capture_output=True, check=False, timeout=20)
    assert done.returncode == PASSED
    assert says in done.stderr.decode()
