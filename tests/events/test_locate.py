"""Finding an event by its id in a file of any size: all that reading everything finds, by reading next to nothing."""

from __future__ import annotations

import gzip
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.auditlogs import write_log
from tests.events.ctools import ausearch
from virtwarden.complaint import Complaint
from virtwarden.events import bisection
from virtwarden.events.bisection import Text, Wanted, find
from virtwarden.events.locate import locate, wanted

SHORT = 2048  # between samples, in bytes
BEGUN = 1_795_464_000_000


def record(millis: int, serial: int, kind: str = "SYSCALL", node: str = "", more: str = "") -> bytes:
    stamp = f"{millis // 1000}.{millis % 1000:03d}:{serial}"
    return f'{node}type={kind} msg=audit({stamp}): arch=c000003e syscall=2 comm="x" {more}\n'.encode()


def log(chance: random.Random, boots: list[int], every: int = 50) -> list[bytes]:
    """Some boots, in each so many events with up to four records, which may stand among those of the next few."""
    placed: list[tuple[float, bytes]] = []
    millis = BEGUN
    for boot, count in enumerate(boots):
        for serial in range(1, count):
            millis += chance.choice([0, 1, every])
            for index in range(chance.randrange(1, 5)):
                at = boot * 1e9 + serial + index * chance.choice([0.0, 0.1, 1.5])
                placed.append((at, record(millis, serial, "PATH" if index else "SYSCALL", more=f"item={index}")))
            if chance.random() < 0.02:
                placed.append((boot * 1e9 + serial, record(millis, chance.randrange(9000, 9999), "DAEMON_ROTATE")))
        millis += 60_000
    return [line for _, line in sorted(placed, key=lambda each: each[0])]


def by_hand(lines: list[bytes], event: Wanted) -> list[list[bytes]]:
    """The same, told by reading everything."""
    events: dict[bytes, list[bytes]] = {}
    for line in lines:
        stamp = bisection.head(line, 0)
        if stamp is not None and event.is_it(stamp):
            events.setdefault(b"".join(stamp), []).append(line.rstrip(b"\n"))
    return list(events.values())


def located(path: Path, event: Wanted, step: int = SHORT, span: int = SHORT) -> list[list[bytes]]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return find(Text(fd, step, span), event)
    finally:
        os.close(fd)


def records_in(paths: list[str], event: Wanted, damaged: list[str]) -> list[list[bytes]]:
    return [records for _, records in locate(paths, event, damaged)]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.lists(st.integers(2, 200), min_size=1, max_size=4), st.data())
def test_whatever_reading_everything_finds_is_found(
    tmp_path_factory: pytest.TempPathFactory, seed: int, boots: list[int], data: st.DataObject
) -> None:
    lines = log(random.Random(seed), boots)
    path = tmp_path_factory.mktemp("log") / "audit.log"
    path.write_bytes(b"".join(lines))
    for _ in range(4):
        line = data.draw(st.sampled_from([each for each in lines if b"DAEMON_" not in each]))
        stamp = bisection.parsed(line, line.find(b"(") + 1)
        assert stamp is not None
        for event in (Wanted(stamp[1]), Wanted(stamp[1], stamp[0])):
            assert located(path, event) == by_hand(lines, event)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.integers(2, 300))
def test_a_file_in_no_order_at_all_is_read_whole(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    chance = random.Random(seed)
    lines = log(chance, [count])
    chance.shuffle(lines)
    path = tmp_path_factory.mktemp("log") / "audit.log"
    path.write_bytes(b"".join(lines))
    stamp = bisection.parsed(lines[0], lines[0].find(b"(") + 1)
    assert stamp is not None
    found = located(path, Wanted(stamp[1], stamp[0]), span=1 << 20)
    assert [sorted(each) for each in found] == [
        sorted(each) for each in by_hand(lines, Wanted(stamp[1], stamp[0]))
    ]


def test_a_serial_alone_finds_the_event_of_every_boot(tmp_path: Path) -> None:
    lines = log(random.Random(7), [300, 200, 300])
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(lines))
    assert len(located(path, Wanted(150))) == 3
    assert len(located(path, Wanted(250))) == 2


def test_a_late_record_of_a_call_that_took_long_is_found(tmp_path: Path) -> None:
    lines = log(random.Random(7), [400])
    late = record(BEGUN + 5, 4000)
    lines.insert(len(lines) - 3, late)
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(lines))
    assert located(path, Wanted(4000, BEGUN + 5)) == [[late.rstrip(b"\n")]]
    assert located(path, Wanted(4000)) == [[late.rstrip(b"\n")]]


def test_the_serials_of_the_audit_daemon_lead_nobody_astray(tmp_path: Path) -> None:
    lines = log(random.Random(7), [400])
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(line for each in lines for line in (record(BEGUN, 7000, "DAEMON_ACCEPT"), each)))
    assert located(path, Wanted(200)) == by_hand(lines, Wanted(200))
    assert len(located(path, Wanted(7000))[0]) > 1


def test_a_stamp_within_what_a_record_says_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(
        record(BEGUN, 5, "USER", more="msg='type=X msg=audit(1795464000.000:6): :6)'") + record(BEGUN, 7)
    )
    assert located(path, Wanted(6)) == []


@pytest.mark.parametrize("junk", [b"", b"\0" * 3000, b"\xff" * 70_000, b"\n\n\n", b"type=X msg=audit(1.000:"])
def test_junk_hides_nothing(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "audit.log"
    lines = [record(BEGUN + serial, serial) for serial in range(1, 60)]
    path.write_bytes(junk + b"\n" + b"".join(lines[:30]) + junk + b"\n" + b"".join(lines[30:]) + junk)
    for serial in (1, 30, 31, 59):
        assert located(path, Wanted(serial)) == [[lines[serial - 1].rstrip(b"\n")]]
        assert located(path, Wanted(serial, BEGUN + serial)) == [[lines[serial - 1].rstrip(b"\n")]]


def test_hosts_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(record(BEGUN + n, 5 + n // 2, node=f"node={'ab'[n % 2]} ") for n in range(20)))
    assert len(records_in([str(path)], wanted("7"), [])) == 2
    assert [each[0][:6] for each in records_in([str(path)], wanted("b/7"), [])] == [b"node=b"]


@pytest.mark.parametrize("id_", ["7", f"{BEGUN // 1000}.007:7"])
def test_folders_name_the_hosts_of_records_that_do_not(tmp_path: Path, id_: str) -> None:
    paths = []
    for host, node in (("kvm1", ""), ("kvm2", ""), ("archive", "node=kvm3 ")):
        (tmp_path / host).mkdir()
        (tmp_path / host / "audit.log").write_bytes(record(BEGUN + 7, 7, node=node, more=host))
        paths.append(str(tmp_path / host))
    assert [host for host, _ in locate(paths, wanted(id_), [])] == ["kvm1", "kvm2", ""]
    for host, folder in (("kvm2", b"kvm2"), ("kvm3", b"archive")):
        (only,) = records_in(paths, wanted(f"{host}/{id_}"), [])
        assert only[0].endswith(folder)
    assert records_in(paths, wanted(f"archive/{id_}"), []) == []
    assert records_in(paths[:1], wanted(f"kvm1/{id_}"), []) == []


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"")
    assert records_in([str(path)], wanted("7"), []) == []
    assert records_in([str(path)], wanted("1795464000.000:7"), []) == []


def test_rotated_files_are_asked_as_well_compressed_ones_too(tmp_path: Path) -> None:
    pieces = [[record(BEGUN + 1000 * n, n) for n in range(100 * part, 100 * part + 100)] for part in range(3)]
    (tmp_path / "audit.log.2.gz").write_bytes(gzip.compress(b"".join(pieces[0])))
    (tmp_path / "audit.log.1").write_bytes(b"".join(pieces[1]))
    (tmp_path / "audit.log").write_bytes(b"".join(pieces[2]))
    for serial in (50, 150, 250):
        millis = BEGUN + 1000 * serial
        expected = [[pieces[serial // 100][serial % 100].rstrip(b"\n")]]
        assert records_in([str(tmp_path)], wanted(str(serial)), []) == expected
        assert records_in([str(tmp_path)], wanted(f"{millis // 1000}.000:{serial}"), []) == expected


@pytest.mark.parametrize("id_", ["1795464050.000:50", "50"])
def test_what_the_sound_part_of_a_damaged_file_has_is_found(tmp_path: Path, id_: str) -> None:
    lines = [record(BEGUN + 1000 * n, n, more=f"{random.Random(n).random()}") for n in range(9000)]
    packed = gzip.compress(b"".join(lines))
    (tmp_path / "audit.log.1.gz").write_bytes(packed[: len(packed) // 2])
    damaged: list[str] = []
    assert records_in([str(tmp_path)], wanted(id_), damaged) == [[lines[50].rstrip(b"\n")]]
    assert len(damaged) == 1
    assert "audit.log.1.gz is damaged" in damaged[0]


@pytest.mark.parametrize("id_", ["1795464050.000:50", "50"])
def test_a_damaged_file_hides_no_event_of_another_one(tmp_path: Path, id_: str) -> None:
    (tmp_path / "audit.log.1.gz").write_bytes(gzip.compress(record(BEGUN, 1))[:-9])
    line = record(BEGUN + 50_000, 50)
    (tmp_path / "audit.log").write_bytes(line)
    assert records_in([str(tmp_path)], wanted(id_), []) == [[line.rstrip(b"\n")]]


@pytest.mark.parametrize("text", ["", "x", "1:", ":1", "1.5:2", "1.0000:2", "/5", "-1", "1.000:2:3", "²", "a/"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(Complaint, match="is no event"):
        wanted(text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="cannot be read"):
        records_in([str(tmp_path / "none")], wanted("5"), [])


def test_ausearch_finds_the_same_records(tmp_path: Path) -> None:
    path = write_log(tmp_path / "audit.log", 1 << 20, enriched=False)
    for serial in (101, 177, 250, 499):
        found = records_in([str(path)], wanted(str(serial)), [])
        real = [line for line in ausearch(path, "-a", str(serial), "--raw").split("\n") if line]
        assert real
        assert sorted(real) == sorted(one.decode() for each in found for one in each)


def test_tens_of_megabytes_take_milliseconds(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    with path.open("wb") as file:
        for base in range(0, 400_000, 1000):
            file.write(b"".join(record(BEGUN + 25 * n, n, more="x" * 20) for n in range(base, base + 1000)))
    begun = time.process_time()
    for serial in range(500, 400_000, 39_999):
        assert len(records_in([str(path)], wanted(str(serial)), [])) == 1
    assert (time.process_time() - begun) / 10 < 0.1
