"""Where auvirt was wrong: each case with what auvirt 3 really prints of the log, and what this library makes of it."""

from __future__ import annotations

import gzip
import lzma
import random
from pathlib import Path

import pytest

from tests.events.ctools import auvirt, rows
from tests.events.made import START, Guest, Made, merged
from virtwarden.events import Event, Session, Skipped, events, sessions
from virtwarden.events.model import Denial, Ending, Kind, Resource

AT = "Mon Nov 23 20:00"
WEB = Guest("web")
OTHER = Guest("other")


def brief(host: Made, guest: Guest, reason: str = "booted") -> None:
    """A start without resources, so that lists stay short."""
    host.identity(guest)
    host.control(guest, "start", reason)


def told(log: Path) -> list[Session]:
    """The sessions in the order in which they started."""
    return sorted(sessions([str(log)], Skipped()), key=lambda each: each.started or 0)


def lives(log: Path) -> list[tuple[str, int | None, Ending]]:
    """Of each session the guest, how many seconds it lasted, and how it ended."""
    return [(each.guest, _seconds(each), each.ending) for each in told(log)]


def _seconds(each: Session) -> int | None:
    if each.started is None or each.ended is None:
        return None
    return each.ended // 1000 - each.started // 1000


def of(kind: Kind, log: Path) -> list[Event]:
    """The events of a kind that belong to a session."""
    return [each for each in events([str(log)], Skipped()) if each.kind is kind and each.session is not None]


def denials(log: Path) -> list[tuple[str | None, str, str | None]]:
    """Of each denial that belongs to a session the guest, what ties it, and the path."""
    found = []
    for event in of(Kind.DENIAL, log):
        assert isinstance(event.detail, Denial)
        found.append((event.guest, event.detail.tie, event.detail.path))
    return found


def lines(log: Path, *options: str) -> list[list[str]]:
    """auvirt's lines in short: type, guest and period with --all-events, else guest and period."""
    return [[*row[0].split(), row[2]] for row in rows(auvirt(log, *options))]


# Denials


def test_a_denial_after_its_guest_stopped_blames_nobody(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    host.wait(60)
    host.stop(WEB)
    host.wait(3600)
    host.selinux_denial(WEB.process, "system_u:object_r:etc_t:s0", "/etc/passwd", pid=77)
    log = host.write(tmp_path / "audit.log")
    assert ["avc", "web", "Mon Nov 23 21:01"] in lines(log, "--all-events")
    assert denials(log) == []


def test_a_label_that_two_guests_held_in_turn_ties_to_the_one_that_held_it_then(tmp_path: Path) -> None:
    host = Made()
    after = Guest("other", level=WEB.level)
    for guest in (WEB, after, WEB):
        brief(host, guest)
        host.wait(5)
        host.denied(guest, f"/srv/{guest.name}")
        host.stop(guest)
    log = host.write(tmp_path / "audit.log")
    assert denials(log) == [
        ("web", "label", "/srv/web"), ("other", "label", "/srv/other"), ("web", "label", "/srv/web"),
    ]  # fmt: skip
    assert len({each.session for each in of(Kind.DENIAL, log)}) == 3


def test_another_process_that_touches_the_image_of_a_guest_is_told_of_the_guest(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    host.touched(WEB, by="cat", auid=1000)
    log = host.write(tmp_path / "audit.log")
    assert lines(log, "--all-events") == [["start", "web", AT]]
    assert denials(log) == [("web", "image", WEB.disks[0])]


def test_a_relabel_that_is_denied_to_the_daemon_is_told_of_the_guest(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    daemon = "system_u:system_r:virtd_t:s0-s0:c0.c1023"
    host.selinux_denial(daemon, WEB.image, WEB.disks[0], "relabelto", pid=268, comm="libvirtd", uid=0)
    log = host.write(tmp_path / "audit.log")
    assert lines(log, "--all-events") == [["start", "web", AT]]
    assert denials(log) == [("web", "image", WEB.disks[0])]


def test_apparmor_denials_are_tied_by_profile_and_by_the_path_of_a_disk(tmp_path: Path) -> None:
    host = Made(lsm="apparmor")
    host.start(WEB)
    host.denied(WEB, "/etc/shadow")
    host.touched(WEB)
    host.wait(1)
    host.stop(WEB)
    host.touched(WEB)
    log = host.write(tmp_path / "audit.log")
    assert denials(log) == [("web", "profile", "/etc/shadow"), ("web", "path", WEB.disks[0])]


def test_a_file_that_was_detached_is_no_longer_the_guests(tmp_path: Path) -> None:
    host = Made(lsm="apparmor")
    host.start(WEB)
    host.attach(WEB, "disk", "/srv/data.img")
    host.touched(WEB, "/srv/data.img")
    host.detach(WEB, "disk", "/srv/data.img")
    host.touched(WEB, "/srv/data.img")
    log = host.write(tmp_path / "audit.log")
    assert denials(log) == [("web", "path", "/srv/data.img")]


def test_a_guest_with_the_static_level_s0_does_not_take_every_denial_at_s0(tmp_path: Path) -> None:
    static = Guest("static", level="s0")
    host = Made()
    brief(host, static)
    host.selinux_denial("system_u:system_r:httpd_t:s0", "system_u:object_r:var_t:s0", "/srv/page", pid=4)
    host.denied(static, "/etc/shadow")
    log = host.write(tmp_path / "audit.log")
    assert [row[-2] for row in rows(auvirt(log, "--all-events"))[1:]] == ["page", "shadow"]
    assert [path for _, _, path in denials(log)] == ["/etc/shadow"]


def test_a_denial_without_its_system_call_is_told_too(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    host.selinux_denial(WEB.process, "system_u:object_r:etc_t:s0", "/etc/passwd", pid=WEB.pid, alone=True)
    log = host.write(tmp_path / "audit.log")
    assert lines(log, "--all-events") == [["start", "web", AT]]
    assert denials(log) == [("web", "label", "passwd")]


def test_a_denial_between_the_label_and_the_start_belongs_to_the_session_that_begins(tmp_path: Path) -> None:
    host = Made()
    host.identity(WEB)
    host.denied(WEB, "/etc/shadow")
    host.control(WEB, "start", "booted")
    log = host.write(tmp_path / "audit.log")
    assert [each.session for each in of(Kind.DENIAL, log)] == [told(log)[0].id]


# Anomalies


def test_anomalies_are_tied_by_process_though_other_guests_started_since(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    brief(host, OTHER)
    host.abended(WEB)
    host.promiscuous("vnet0", pid=WEB.pid)
    host.promiscuous("vnet0")
    log = host.write(tmp_path / "audit.log")
    assert lines(log, "--all-events") == [["start", "web", AT], ["start", "other", AT]]
    assert [each.guest for each in of(Kind.ANOMALY, log)] == ["web", "web"]


def test_an_anomaly_of_a_process_id_that_was_a_guests_blames_nobody(tmp_path: Path) -> None:
    host = Made(lsm="none")
    brief(host, WEB)
    host.stop(WEB)
    host.abended(WEB)
    assert of(Kind.ANOMALY, host.write(tmp_path / "audit.log")) == []


# Resources and identities


def test_every_resource_that_libvirt_tells_of_is_an_event(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    made = host.every_other_resource(WEB) | {"dev, redirected": host.redirected(WEB)}
    made["net, open"] = host.opened(WEB, "52:54:00:00:00:01")
    log = host.write(tmp_path / "audit.log")
    assert lines(log, "--all-events") == [["start", "web", AT]]
    found = {each.id: each.detail for each in of(Kind.RESOURCE, log) if isinstance(each.detail, Resource)}
    assert sorted(found) == sorted(made.values())
    assert {name: found[made[name]].new for name in ("dev", "dev, redirected", "shmem", "iothread")} == {
        "dev": "0000:01:00.0", "dev, redirected": "USB redirdev", "shmem": "/dev/shm/shared0", "iothread": "2",
    }  # fmt: skip


def test_the_dac_identity_begins_no_session_of_its_own(tmp_path: Path) -> None:
    host = Made(lsm="none")
    host.identity(WEB)
    host.control(WEB, "start", "booted")
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    assert lives(log) == [("web", 0, Ending.SHUTDOWN)]


def test_a_guest_that_was_renamed_while_it_ran_has_one_session(tmp_path: Path) -> None:
    renamed = Guest("renamed", uuid=WEB.uuid, level=WEB.level)
    host = Made()
    brief(host, WEB)
    host.wait(60)
    host.stop(renamed)
    brief(host, renamed)
    log = host.write(tmp_path / "audit.log")
    assert lives(log) == [("web", 60, Ending.SHUTDOWN), ("renamed", None, Ending.RUNNING)]


# The host goes down


def test_a_host_that_shuts_down_ends_the_sessions_of_its_guests(tmp_path: Path) -> None:
    host = Made()
    host.boot()
    brief(host, WEB)
    host.wait(600)
    host.shut_down()
    host.wait(60)
    host.boot()
    brief(host, WEB)
    log = host.write(tmp_path / "audit.log")
    assert lines(log) == [["web", AT], ["web", "Mon Nov 23 20:11"]]
    assert lives(log) == [("web", 600, Ending.HOST_DOWN), ("web", None, Ending.RUNNING)]
    assert [each.exact for each in told(log)] == [True, True]


def test_a_host_that_crashed_ended_its_sessions_when_it_booted_at_the_latest(tmp_path: Path) -> None:
    host = Made()
    host.boot()
    brief(host, WEB)
    host.wait(600)
    host.boot()
    brief(host, OTHER)
    log = host.write(tmp_path / "audit.log")
    assert lines(log) == [["web", AT], ["other", "Mon Nov 23 20:10"]]
    assert lives(log) == [("web", 600, Ending.HOST_DOWN), ("other", None, Ending.RUNNING)]
    assert not told(log)[0].exact


def test_a_boot_that_utmp_does_not_tell_of_is_seen_by_its_serials(tmp_path: Path) -> None:
    host = Made()
    host.boot(utmp=False)
    host.noise(20)
    brief(host, WEB)
    host.wait(600)
    host.boot(utmp=False)
    brief(host, OTHER)
    log = host.write(tmp_path / "audit.log")
    assert [ending for _, _, ending in lives(log)] == [Ending.HOST_DOWN, Ending.RUNNING]


def test_a_reboot_after_which_the_clock_was_set_back_is_a_reboot(tmp_path: Path) -> None:
    host = Made()
    host.boot()
    host.noise(50)
    brief(host, WEB)
    host.wait(3 * 3600)
    brief(host, OTHER)
    host.wait(-3600)
    host.boot()
    brief(host, WEB)
    log = host.write(tmp_path / "audit.log")
    assert sorted(ending for _, _, ending in lives(log)) == [Ending.HOST_DOWN, Ending.HOST_DOWN, Ending.RUNNING]


def test_an_audit_daemon_that_starts_anew_ends_no_session(tmp_path: Path) -> None:
    host = Made()
    host.boot()
    host.noise(40)
    brief(host, WEB)
    host.wait(600)
    host.daemon_record("end", "auid=0 pid=1")
    host.daemon_record("start", "ver=3.0.9 format=raw kernel=6.1.0 auid=4294967295 pid=999")
    host.stop(WEB)
    assert lives(host.write(tmp_path / "audit.log")) == [("web", 600, Ending.SHUTDOWN)]


# Starts and stops


def test_a_start_that_fails_is_a_session_that_never_began(tmp_path: Path) -> None:
    host = Made()
    host.fail_to_start(WEB)
    host.wait(60)
    host.identity(WEB)
    host.stop(WEB, "failed")
    host.control(WEB, "start", "booted", ok=False, pid=0)
    brief(host, WEB)
    log = host.write(tmp_path / "audit.log")
    assert lines(log) == [
        ["web", f"{AT} - failed"],
        ["web", "Mon Nov 23 20:01 - failed"],
        ["web", "Mon Nov 23 20:01"],
    ]
    assert [ending for _, _, ending in lives(log)] == [Ending.NOT_STARTED, Ending.NOT_STARTED, Ending.RUNNING]


def test_a_migration_ends_on_one_host_and_goes_on_on_the_other(tmp_path: Path) -> None:
    here, there = Made("here"), Made("there", start=START + 30)
    brief(here, WEB)
    brief(there, WEB, "migrated")
    here.wait(31)
    here.migrate_out(WEB)
    there.wait(600)
    there.stop(WEB)
    log = tmp_path / "audit.log"
    log.write_text(merged(here, there))
    assert lines(log) == [["web", AT], ["web", f"{AT} - 20:00  (00:00"]]
    assert [(each.host, each.start_reason, _seconds(each), each.ending) for each in told(log)] == [
        ("here", "booted", 31, Ending.MIGRATED), ("there", "migrated", 600, Ending.SHUTDOWN),
    ]  # fmt: skip


def test_an_incoming_migration_that_fails_is_told_as_failed(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB, "migrated")
    host.wait(2)
    host.stop(WEB, "failed")
    assert lives(host.write(tmp_path / "audit.log")) == [("web", 2, Ending.FAILED)]


def test_a_stop_that_never_came_ends_with_the_next_start_at_the_latest(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    host.wait(600)
    brief(host, WEB)
    host.wait(60)
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    assert lines(log) == [["web", AT], ["web", "Mon Nov 23 20:10 - 20:11  (00:01"]]
    assert [(ending, each.exact) for (_, _, ending), each in zip(lives(log), told(log), strict=True)] == [
        (Ending.NOT_TOLD, False), (Ending.SHUTDOWN, True),
    ]  # fmt: skip


def test_a_guest_that_ran_before_the_log_begins_has_an_end_and_no_beginning(tmp_path: Path) -> None:
    host = Made()
    host.stop(WEB, "destroyed")
    log = host.write(tmp_path / "audit.log")
    assert lines(log, "--all-events") == []
    assert [(each.started, each.ending) for each in told(log)] == [(None, Ending.DESTROYED)]


# What arrives in another order, or twice


@pytest.fixture
def two_lives() -> list[str]:
    """A start, a stop, a start and a stop, four lines each but the stops."""
    host = Made()
    for reason in ("shutdown", "destroyed"):
        brief(host, WEB)
        host.wait(60)
        host.stop(WEB, reason)
        host.wait(1)
    return host.lines


_TWO = [("web", 60, Ending.SHUTDOWN), ("web", 60, Ending.DESTROYED)]


def test_a_start_that_is_written_after_its_stop_is_put_in_order(tmp_path: Path, two_lives: list[str]) -> None:
    two_lives[2], two_lives[3] = two_lives[3], two_lives[2]
    log = _written(tmp_path / "audit.log", two_lives)
    assert lines(log) == [["web", AT], ["web", "Mon Nov 23 20:01 - 20:02  (00:01"]]
    assert lives(log) == _TWO


def test_records_that_come_twice_count_once(tmp_path: Path, two_lives: list[str]) -> None:
    log = _written(tmp_path / "audit.log", [line for each in two_lives for line in (each, each)])
    assert len(lines(log)) == 4
    assert lives(log) == _TWO
    twice = _written(tmp_path / "copied.log", two_lives * 2)
    assert len(lines(twice)) == 4
    assert lives(twice) == _TWO


@pytest.mark.parametrize("seed", range(5))
def test_any_order_within_a_few_seconds_gives_the_same_sessions(
    tmp_path: Path, two_lives: list[str], seed: int
) -> None:
    random.Random(seed).shuffle(two_lives)
    assert lives(_written(tmp_path / "audit.log", two_lives)) == _TWO


def test_starts_of_two_guests_whose_records_interleave_are_two_sessions(tmp_path: Path) -> None:
    host = Made()
    host.identity(WEB)
    host.identity(OTHER)
    host.control(OTHER, "start", "booted")
    host.control(WEB, "start", "booted")
    log = host.write(tmp_path / "audit.log")
    assert lives(log) == [("other", None, Ending.RUNNING), ("web", None, Ending.RUNNING)]
    assert [each.labels[0].process for each in told(log)] == [OTHER.process, WEB.process]


def test_a_clock_that_jumps_back_mixes_up_no_sessions(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    host.wait(-7200)
    host.stop(WEB)
    brief(host, WEB)
    host.wait(7200)
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    assert lines(log)[0] == ["web", f"{AT} - 18:00  (-2:00"]
    assert lives(log) == [("web", 7200, Ending.SHUTDOWN), ("web", -7200, Ending.SHUTDOWN)]


def test_three_days_back_the_serials_still_tell_the_order(tmp_path: Path) -> None:
    host = Made()
    brief(host, WEB)
    host.wait(-3 * 86400)
    host.stop(WEB)
    brief(host, OTHER)
    log = host.write(tmp_path / "audit.log")
    assert [(each.guest, each.ending) for each in told(log)] == [
        ("other", Ending.RUNNING),
        ("web", Ending.SHUTDOWN),
    ]


# Forms


@pytest.mark.parametrize("enriched", [False, True])
@pytest.mark.parametrize("name", ["two words", 'a "quoted" one', "näh", "\x1b[31mred", "DEADBEEF", "C0FFEE"])
def test_names_are_read_however_they_are_written(tmp_path: Path, name: str, enriched: bool) -> None:
    host = Made(enriched=enriched)
    guest = Guest(name, disks=[f"/srv/{name}.img"])
    host.start(guest)
    log = host.write(tmp_path / "audit.log")
    assert [each.guest for each in told(log)] == [name]
    disks = [each.detail for each in of(Kind.RESOURCE, log) if isinstance(each.detail, Resource)]
    assert [each.new for each in disks if each.type == "disk"] == [f"/srv/{name}.img"]


def test_the_form_of_rhel_6_is_read(tmp_path: Path) -> None:
    host = Made(rhel6=True)
    brief(host, WEB)
    host.wait(5)
    host.denied(WEB, "/etc/shadow")
    host.stop(WEB)
    log = host.write(tmp_path / "audit.log")
    assert lines(log) == [["web", f"{AT} - 20:00  (00:00"]]
    assert lives(log) == [("web", 5, Ending.SHUTDOWN)]
    assert told(log)[0].pid is None
    assert denials(log) == [("web", "label", "/etc/shadow")]


def test_hosts_of_one_stream_have_sessions_of_their_own(tmp_path: Path) -> None:
    hosts = [Made(f"host{number}", start=START + number / 100) for number in range(3)]
    for number, host in enumerate(hosts):
        host.boot()
        brief(host, WEB)
        host.wait(60 + number)
        host.denied(WEB, "/etc/shadow")
        host.stop(WEB)
    log = tmp_path / "audit.log"
    log.write_text(merged(*hosts))
    assert [row[2] for row in rows(auvirt(log))] == [AT, AT, f"{AT} - 20:01  (00:01"]
    assert [(each.host, _seconds(each)) for each in told(log)] == [("host0", 60), ("host1", 61), ("host2", 62)]
    assert sorted(each.host for each in of(Kind.DENIAL, log)) == ["host0", "host1", "host2"]


def test_rotated_files_are_read_in_order_whatever_they_are_packed_with(
    tmp_path: Path, two_lives: list[str]
) -> None:
    parts = [("\n".join(part) + "\n").encode() for part in (two_lives[:2], two_lives[2:5], two_lives[5:])]
    (tmp_path / "audit.log.2.gz").write_bytes(gzip.compress(parts[0]))
    (tmp_path / "audit.log.1.xz").write_bytes(lzma.compress(parts[1]))
    (tmp_path / "audit.log").write_bytes(parts[2])
    assert auvirt(tmp_path / "audit.log.2.gz") == ""
    assert lives(tmp_path) == _TWO


def test_a_last_line_that_is_torn_is_said_and_spoils_nothing(tmp_path: Path, two_lives: list[str]) -> None:
    whole = _written(tmp_path / "audit.log", two_lives).read_bytes()
    for length in range(len(whole) - 300, len(whole), 7):
        log = tmp_path / "torn.log"
        log.write_bytes(whole[:length])
        skipped = Skipped()
        found = list(sessions([str(log)], skipped))
        assert found[0].ending is Ending.SHUTDOWN
        assert skipped.torn == 1


def test_bytes_that_are_no_text_and_lines_without_end_spoil_nothing(tmp_path: Path, two_lives: list[str]) -> None:
    junk = [
        b"\0" * 4096,
        b"\xff\xfe" * 50,
        b"x" * 3_000_000,
        b"type=VIRT_CONTROL msg=audit(",
        b"type=VIRT_CONTROL",
    ]
    mixed = b"\n".join(part for line in two_lives for part in (random.Random(1).choice(junk), line.encode()))
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join([*junk, mixed, *junk]) + b"\n")
    assert lives(log) == _TWO


def _written(path: Path, every: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in every))
    return path
