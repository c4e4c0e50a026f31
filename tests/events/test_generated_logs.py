"""The logs that benchmarks measure with are what they say they are, and read as auvirt reads them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from benchmarks.auditlogs import write_log
from tests.events.ctools import ausearch, auvirt
from virtwarden.cli import PASSED, main
from virtwarden.events import Skipped, sessions
from virtwarden.report.audit import auvirt as printed

_SIZE = 3_000_000
_ID = re.compile(rb"audit\((\d+\.\d{3}):(\d+)\)")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of which three records of ten are about fifty guests."""
    return write_log(tmp_path_factory.mktemp("busy") / "audit.log", _SIZE, virt_share=0.3, guests=50)


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_the_share_of_records_about_guests_is_as_asked(tmp_path: Path, share: float) -> None:
    lines = write_log(tmp_path / "audit.log", _SIZE, virt_share=share).read_bytes().splitlines()
    about = sum(b"type=VIRT_" in line[:32] for line in lines)
    assert about / len(lines) == pytest.approx(share, rel=0.15)


def test_records_stand_in_the_order_of_time_and_number(busy: Path) -> None:
    ids = [(float(stamp), int(serial)) for stamp, serial in _ID.findall(busy.read_bytes())]
    assert ids == sorted(ids)
    assert abs(busy.stat().st_size - _SIZE) < 10_000


def test_the_same_arguments_give_the_same_bytes(busy: Path, tmp_path: Path) -> None:
    again = write_log(tmp_path / "again.log", _SIZE, virt_share=0.3, guests=50)
    assert again.read_bytes() == busy.read_bytes()


@pytest.mark.parametrize("lsm", ["selinux", "apparmor"])
@pytest.mark.parametrize("enriched", [False, True])
def test_sessions_are_auvirts_line_for_line(
    tmp_path: Path, lsm: str, enriched: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path / "audit.log", _SIZE, virt_share=0.3, guests=50, lsm=lsm, enriched=enriched)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    printed._minute.cache_clear()
    try:
        assert main(["auvirt", "--file", str(log)]) == PASSED
    finally:
        monkeypatch.undo()
        time.tzset()
        printed._minute.cache_clear()
    mine = capsys.readouterr().out
    theirs = auvirt(log)
    assert theirs.count("\n") > 100
    assert mine.replace(")\n", "\n") == theirs


def test_nothing_of_them_is_skipped(busy: Path) -> None:
    skipped = Skipped()
    assert len(list(sessions([str(busy)], skipped))) > 100
    assert skipped == Skipped()


def test_ausearch_finds_the_keys(tmp_path: Path) -> None:
    log = write_log(tmp_path / "audit.log", _SIZE, unknown_uids=True, enriched=False)
    assert "key=virt_" in ausearch(log, "-k", "virt_", "-i")
