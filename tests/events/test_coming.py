"""Lines that are given once what stands behind them has come: following finds in them what reading a whole log does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.events.made import Guest, Made, merged
from virtwarden import events
from virtwarden.events import Following
from virtwarden.events.coming import Coming
from virtwarden.events.follow import take_in
from virtwarden.events.logs import Log
from virtwarden.events.model import Anomaly, Denial, Event, HostEvent, Kind, Skipped

WEB, DB = Guest("web"), Guest("db")


def told(data: bytes, skipped: Skipped | None = None) -> list[Event]:
    """What following tells of lines that come one by one."""
    following = Following(skipped or Skipped())
    found = [event for line in data.split(b"\n")[:-1] for event in following.take(line)]
    return [*found, *following.quiet()]


def life(host: Made) -> Made:
    """Starts, denials of and about guests, anomalies, a boot, and much that is none of these."""
    host.start(WEB)
    host.denied(WEB, "/etc/shadow")
    host.noise(9)
    host.start(DB)
    host.touched(DB)
    host.apparmor_denial("/usr/bin/cat", WEB.disks[0], pid=7007, comm="cat")
    host.selinux_denial("a:b:c:s0", "a:b:d:s0", "/tmp/x", pid=3, alone=True)
    host.promiscuous()
    host.abended(DB)
    host.noise(5)
    host.shut_down()
    host.boot()
    host.start(WEB)
    host.denied(WEB, "/etc/passwd")
    return host


@pytest.mark.parametrize("enriched", [False, True])
@pytest.mark.parametrize("lsm", ["selinux", "apparmor"])
def test_following_tells_what_reading_the_whole_log_tells(tmp_path: Path, lsm: str, enriched: bool) -> None:
    host = life(Made(lsm=lsm, enriched=enriched))
    path = host.write(tmp_path / "audit.log")
    assert told(host.data) == list(events.events([str(path)], Skipped()))


def test_of_several_hosts_in_one_log_too(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(merged(life(Made("a")), life(Made("b", start=1_795_464_000.5))), encoding="utf-8")
    whole = list(events.events([str(path)], Skipped()))
    for name in ("a", "b"):
        expected = [each for each in whole if each.host == name]
        assert expected
        assert [each for each in told(path.read_bytes()) if each.host == name] == expected


def test_files_that_are_not_written_any_more_are_read_with_what_stands_around(tmp_path: Path) -> None:
    path = life(Made()).write(tmp_path / "audit.log.1")
    following = Following(Skipped())
    found = [*take_in([Log(str(path))], following, Skipped()), *following.quiet()]
    assert found == list(events.events([str(path)], Skipped()))


def test_a_denial_has_the_user_and_the_full_path_of_the_records_behind_it() -> None:
    host = Made(lsm="selinux")
    host.start(WEB)
    records = (
        ("AVC", 'avc:  denied  { read } for  pid=9 comm="cat" name="web.qcow2" scontext=a:b:c:s0 '
         "tcontext=system_u:object_r:virt_image_t:s0 tclass=file permissive=0", ""),
        host.syscall(pid=9, uid=1000, auid=1001),
        ("PATH", f'item=0 name="{WEB.disks[0]}" inode=5', ""),
        ("PROCTITLE", 'proctitle="cat"', ""),
    )  # fmt: skip
    host.event(*records)
    denial = told(host.data)[-1]
    assert isinstance(denial.detail, Denial)
    assert (denial.user, denial.detail.auid, denial.detail.path) == (1000, 1001, WEB.disks[0])
    assert (denial.guest, denial.detail.tie) == ("web", "path")


def test_an_anomaly_has_the_process_of_the_record_behind_it() -> None:
    host = Made()
    host.promiscuous(pid=4711)
    (found,) = told(host.data)
    assert isinstance(found.detail, Anomaly)
    assert (found.detail.pid, found.detail.process) == (4711, "libvirtd")


def test_records_of_two_events_among_each_other_are_told_apart() -> None:
    first, second = Made(), Made()
    second.serial, second.millis = first.serial + 1, first.millis + 1
    first.denied(WEB, "/one/a")
    second.touched(DB, "/two/b", auid=1001)
    mixed = [line for pair in zip(first.lines, second.lines, strict=True) for line in pair]
    found = told("".join(f"{line}\n" for line in mixed).encode())
    assert [(each.user, each.detail.path) for each in found if isinstance(each.detail, Denial)] == [
        (107, "/one/a"),
        (1001, "/two/b"),
    ]


def test_a_start_of_the_daemon_is_that_of_the_host_where_the_numbers_of_its_own_records_go_back() -> None:
    host, other = Made("a"), Made("b")
    host.start(WEB)
    host.serial = 2
    host.daemon_record("start", "ver=3.0.9 pid=190")
    host.daemon_record("rotate", "pid=190")
    other.noise(4)
    at = len(host.lines) - 1
    host.event(("CONFIG_CHANGE", "op=set", ""))
    text = "".join(f"{line}\n" for line in [*host.lines[:at], *other.lines, *host.lines[at:]])
    starts = [each.detail for each in told(text.encode()) if each.kind is Kind.AUDIT]
    assert [detail.afresh for detail in starts if isinstance(detail, HostEvent)] == [True, False]


def test_nothing_waits_without_end_and_nothing_is_remembered_without_end() -> None:
    coming = Coming()
    denial = b'type=AVC msg=audit(1795464000.000:5): avc:  denied comm="qemu-kvm"'
    given = [line for _ in range(2000) for line in coming.put(denial)]
    assert len(given) >= 1700
    for length in (30_000, 200_000):
        given += [line for _ in range(9) for line in coming.put(b"x" * length)]
    assert sum(map(len, coming._before)) < 300_000
    assert len([*given, *coming.rest()]) == 2018
    assert not coming._waiting


def test_junk_waits_for_nothing() -> None:
    coming = Coming()
    for junk in (
        b"",
        b"\0\xff",
        b"type=AVC msg=audit(",
        b"(1)",
        b"type=DAEMON_START",
        b"node= type=AVC msg=audit((:",
    ):
        assert list(coming.put(junk)) == [junk]
        assert coming.companions() == []
        assert isinstance(coming.neighbours(), tuple)
