"""`audit summary` as people run it, beside auvirt's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.events.made import Guest, Made
from tests.report.audit.lives import day
from virtwarden.cli import main

Capture = pytest.CaptureFixture[str]


def _summary(*words: object) -> int:
    return main(["audit", "summary", *map(str, words)])


def test_it_tells_the_counts_by_host_and_guest(tmp_path: Path, capsys: Capture) -> None:
    assert _summary(day(host="kvm1").write(tmp_path / "audit.log")) == 0
    said = capsys.readouterr().out
    assert "kvm1" in said
    assert re.search(r"sessions +4 +1 still running", said)
    assert re.search(r"host shutdowns +1\n", said)
    assert re.search(r"web +3 +7 h 12 min +1 +2 +13 +1 ", said)


def test_a_guest_a_time_and_a_host_narrow_it(tmp_path: Path, capsys: Capture) -> None:
    one, other = day(host="kvm1"), day(host="kvm2")
    one.lines += other.lines
    log = one.write(tmp_path / "audit.log")
    assert _summary("--json", "--vm", "web", "--host", "kvm2", "--start", "1795477000", log) == 0
    (host,) = json.loads(capsys.readouterr().out)["hosts"]
    (guest,) = host["guests"]
    assert (host["host"], guest["guest"], guest["sessions"]) == ("kvm2", "web", 2)
    assert (host["boots"], host["shutdowns"]) == (1, 1)


def test_its_range_is_that_of_the_log_and_not_only_of_what_is_told_of_guests(
    tmp_path: Path, capsys: Capture
) -> None:
    log = Made()
    log.ran("cat", "/etc/hosts")
    log.wait(3600)
    log.start(Guest("web"))
    log.wait(3600)
    last = log.ran("cat", "/etc/hosts")
    assert _summary("--json", log.write(tmp_path / "audit.log")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["from"] == "2026-11-23T20:00:00.000Z"
    assert told["to"].endswith(f".{last.millis % 1000:03}Z")
    assert told["hosts"][0]["guests"][0]["seconds"] == 3600


@pytest.mark.skipif(shutil.which("auvirt") is None, reason="auvirt is not installed")
def test_where_auvirt_counts_right_the_counts_are_the_same(tmp_path: Path, capsys: Capture) -> None:
    log = Made()
    for name in ("one", "two", "three"):
        guest = Guest(name)
        log.start(guest)
        log.wait(60)
        log.denied(guest, "/etc/shadow")
        log.wait(60)
        log.stop(guest)
    path = log.write(tmp_path / "audit.log")
    done = subprocess.run(["auvirt", "--summary", "-f", path], capture_output=True, text=True, check=True)
    lines = (line.partition(":") for line in done.stdout.splitlines())
    theirs = {name.strip(): value.strip() for name, _, value in lines}
    assert _summary("--json", path) == 0
    (host,) = json.loads(capsys.readouterr().out)["hosts"]
    assert str(host["starts"]) == theirs["Number of guest starts"]
    assert str(host["stops"]) == theirs["Number of guest stops"]
    assert str(host["denials"]) == theirs["Number of related AVCs"]
    assert str(host["failed_operations"]) == theirs["Number of failed operations"]
    dropped = 3 * 2  # of each guest a chardev and a network device that is opened, of which auvirt says nothing
    assert host["resource_assignments"] == int(theirs["Number of resource assignments"]) + dropped
