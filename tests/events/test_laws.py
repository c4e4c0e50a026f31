"""However the same records are cut, rotated, compressed, repeated or interleaved, they tell the same."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.events.made import Guest, Made
from virtwarden.events import Event, Session, Skipped, blocks, brief_sessions, events, find, sessions

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def life(seed: int, host: str | None = None) -> Made:
    """Half a dozen guests that come and go among noise and denials, over two boots."""
    made = Made(host=host, enriched=bool(seed % 2), lsm="apparmor" if seed % 3 == 0 else "selinux")
    guests = [Guest(f"g{seed}-{number}") for number in range(4)]
    for boot in range(2):
        made.boot()
        for number, guest in enumerate(guests):
            made.wait(3 + number)
            if (number + seed + boot) % 4 == 3:
                made.fail_to_start(guest)
                continue
            made.ran("virsh", "start", guest.name)
            made.start(guest)
            made.noise(7)
            made.denied(guest, "/etc/shadow")
            made.attach(guest, "disk", f"/data/{guest.name}.img")
            made.touched(guest)
        made.wait(60)
        made.stop(guests[0], "destroyed")
        made.stop(guests[1])
    return made


def told(*paths: Path, block: int = blocks.BLOCK) -> tuple[list[Session], list[Event]]:
    """What logs tell, with nothing skipped."""
    names = [str(path) for path in paths]
    skipped = Skipped()
    found = list(sessions(names, skipped, block)), list(events(names, skipped, block))
    assert not skipped.malformed
    return found


def by_host(found: tuple[list[Session], list[Event]]) -> dict[str, object]:
    hosts = {each.host for each in found[1]}
    return {
        host: ([s for s in found[0] if s.host == host], [e for e in found[1] if e.host == host]) for host in hosts
    }


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return life(1).write(tmp_path_factory.mktemp("log") / "audit.log")


@QUICK
@given(block=st.integers(2000, 60_000))
def test_where_blocks_end_changes_nothing(log: Path, block: int) -> None:
    assert told(log, block=block) == told(log)


@QUICK
@given(cuts=st.lists(st.floats(0, 1), max_size=6))
def test_how_a_log_was_rotated_changes_nothing(log: Path, tmp_path: Path, cuts: list[float]) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    bounds = [0, *sorted(int(cut * len(lines)) for cut in cuts), len(lines)]
    for old in tmp_path.iterdir():
        old.unlink()
    for number, (first, last) in enumerate(pairwise(bounds)):
        age = len(bounds) - 2 - number
        (tmp_path / (f"audit.log.{age}" if age else "audit.log")).write_bytes(b"".join(lines[first:last]))
    assert told(tmp_path) == told(log)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("kind", PACKERS)
def test_how_a_log_is_compressed_changes_nothing(log: Path, tmp_path: Path, kind: str) -> None:
    data = log.read_bytes()
    half = data.index(b"\n", len(data) // 2) + 1
    (tmp_path / f"audit.log.1.{kind}").write_bytes(PACKERS[kind](data[:half]))
    (tmp_path / "audit.log").write_bytes(data[half:])
    assert told(tmp_path) == told(log)


@pytest.mark.parametrize("kind", PACKERS)
def test_what_is_compressed_in_pieces_is_read_to_its_end(log: Path, tmp_path: Path, kind: str) -> None:
    data = log.read_bytes()
    packed = PACKERS[kind](data[:5000]) + PACKERS[kind](data[5000:])
    path = tmp_path / "anything.log"
    path.write_bytes(packed)
    assert told(path) == told(log)


def test_standard_input_tells_the_same(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Piped:
        buffer = BytesIO(log.read_bytes())

    monkeypatch.setattr("sys.stdin", Piped)
    assert list(sessions(["-"], Skipped())) == told(log)[0]


@QUICK
@given(seed=st.integers(0, 1 << 32))
def test_how_the_streams_of_hosts_are_interleaved_changes_nothing(tmp_path: Path, seed: int) -> None:
    order = Random(seed)
    streams = [[f"{line}\n" for line in life(seed, f"kvm{seed}").lines] for seed in range(3)]
    alone = tmp_path / "alone.log"
    alone.write_text("".join(line for stream in streams for line in stream))
    left = [stream[:] for stream in streams]
    mixed: list[str] = []
    while any(left):
        mixed.append(order.choice([stream for stream in left if stream]).pop(0))
    merged = tmp_path / "merged.log"
    merged.write_text("".join(mixed))
    assert by_host(told(merged)) == by_host(told(alone))


@QUICK
@given(seed=st.integers(0, 1 << 32))
def test_records_that_are_written_a_little_late_are_put_in_order(tmp_path: Path, seed: int) -> None:
    order = Random(seed)
    made = Made()
    for number in range(3):
        guest = Guest(f"late{number}")
        made.start(guest)
        made.noise(3)
        made.wait(5)
        made.stop(guest)
    lines = [f"{line}\n" for line in made.lines]
    straight = tmp_path / "straight.log"
    straight.write_text("".join(lines))
    late = sorted(enumerate(lines), key=lambda each: each[0] + order.uniform(0, 12))
    shaken = tmp_path / "shaken.log"
    shaken.write_text("".join(line for _, line in late))
    assert told(shaken) == told(straight)


def test_what_is_there_twice_counts_once(log: Path, tmp_path: Path) -> None:
    data = log.read_bytes()
    half = data.index(b"\n", len(data) // 2) + 1
    overlap = data.rindex(b"\n", 0, half - 9000) + 1
    (tmp_path / "audit.log.1").write_bytes(data[:half])
    (tmp_path / "audit.log").write_bytes(data[overlap:])
    skipped = Skipped()
    assert list(sessions([str(tmp_path)], skipped)) == told(log)[0]
    assert skipped.repeated


def test_several_logs_of_a_folder_are_read_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    first, second = life(1), life(2)
    later = second.data.replace(b"audit(17954", b"audit(17964")
    (tmp_path / "z.log").write_bytes(first.data)
    (tmp_path / "a.log").write_bytes(later)
    names = [log.path for log in find([str(tmp_path / "a.log"), str(tmp_path / "z.log")])]
    assert names == [str(tmp_path / "z.log"), str(tmp_path / "a.log")]


def test_brief_sessions_are_the_same_but_for_what_they_do_not_read(log: Path) -> None:
    whole, brief = list(sessions([str(log)], Skipped())), list(brief_sessions([str(log)], Skipped()))
    assert len(whole) == len(brief)
    for one, other in zip(whole, brief, strict=True):
        left_out = {"id": "", "labels": (), "proof": ()}
        assert replace(one, **left_out) == replace(other, **left_out)
