"""Searching logs, beside the real ausearch, and the laws of it."""

from __future__ import annotations

import gzip
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.auditlogs import write_log
from tests.events.ctools import ausearch
from virtwarden.events import criteria as by
from virtwarden.events.blocks import CONTEXT
from virtwarden.events.criteria import Criterion
from virtwarden.events.logs import Log
from virtwarden.events.model import Skipped
from virtwarden.events.search import SPAN, Wanted, search

CALL = "arch=c000003e syscall=257 success={ok} exit=3 a0=1 a1=2 a2=3 a3=4 items=1 ppid=1 pid={pid} auid=1000 uid={uid}"


def event(serial: int, key: str = '"virt_image"', **words: object) -> list[bytes]:
    """A system call with its records; its fields can be told."""
    stamp = f"msg=audit({1795464000 + serial // 7}.{serial % 1000:03d}:{serial}):"
    values = {"ok": "yes", "pid": 77, "uid": 0, "node": "", "exe": "/bin/x", "file": "/var/lib/a.img"} | words
    call = CALL.format(**values)
    records = [
        f'type=SYSCALL {stamp} {call} comm="x" exe="{values["exe"]}" subj=system_u:system_r:svirt_t:s0 key={key}',
        f'type=CWD {stamp} cwd="/root"',
        f'type=PATH {stamp} item=0 name="{values["file"]}" inode=1 nametype=NORMAL',
        f"type=PROCTITLE {stamp} proctitle=6C73",
    ]
    return [f"{values['node']}{record}".encode() for record in records]


def found(path: Path, *criteria: Criterion, block: int = 1 << 20, **words: object) -> list[list[bytes]]:
    wanted = Wanted(criteria, **words)  # type: ignore[arg-type]
    return [each.records for each in search([Log(str(path))], wanted, Skipped(), block)]


def written(folder: Path, *events: list[bytes]) -> Path:
    path = folder / "audit.log"
    path.write_bytes(b"".join(record + b"\n" for records in events for record in records))
    return path


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two megabytes of a busy host."""
    return write_log(tmp_path_factory.mktemp("busy") / "audit.log", 2 << 20, virt_share=0.1, guests=30)


ASKED: list[tuple[list[str], Criterion]] = [
    (["-k", "virt_"], by.with_key(["virt_"])),
    (["-k", "virt_image_change", "-w"], by.with_key(["virt_image_change"], "whole")),
    (["-m", "VIRT_CONTROL"], by.of_type(["VIRT_CONTROL"])),
    (["-m", "AVC"], by.of_type(["avc"])),
    (["-x", "/usr/bin/make"], by.with_program("/usr/bin/make")),
    (["-f", "/srv/data"], by.with_file("/srv/data")),
    (["-ui", "33"], by.of_user(33)),
    (["-sv", "no"], by.that_came_out("no")),
    (["-vm", "guest-0003"], by.of_guest("guest-0003")),
]


@pytest.mark.parametrize(("options", "criterion"), ASKED, ids=[" ".join(options) for options, _ in ASKED])
def test_what_ausearch_finds_is_found_record_for_record(
    busy: Path, options: list[str], criterion: Criterion
) -> None:
    real = ausearch(busy, *options, "--raw").split("\n")
    mine = [record.decode() for records in found(busy, criterion) for record in records]
    assert len(real) > 1
    assert _bare(real) - _bare(mine) == Counter()
    assert _bare(mine) - _bare(real) == Counter()


def _bare(lines: list[str]) -> Counter[str]:
    """The records without the names that auditd added, which ausearch does not always print."""
    return Counter(line.split("\x1d")[0].rstrip() for line in lines if line)


def test_several_criteria_must_all_be_met_by_the_event_and_not_by_one_record(tmp_path: Path) -> None:
    log = written(tmp_path, event(1), event(2, file="/etc/passwd"), event(3, '"other"', file="/etc/passwd"))
    assert found(log, by.with_key(["virt_"]), by.with_file("/etc")) == [event(2, file="/etc/passwd")]


def test_one_of_several_keys_is_enough(tmp_path: Path) -> None:
    log = written(tmp_path, event(1, '"a"'), event(2, '"b"'), event(3, '"c"'))
    assert found(log, by.with_key(["a", "c"])) == [event(1, '"a"'), event(3, '"c"')]


def test_a_key_among_several_of_a_record_is_found(tmp_path: Path) -> None:
    both = b"virt_image\x01virt_log".hex().upper()
    log = written(tmp_path, event(1, both), event(2, '"other"'))
    assert found(log, by.with_key(["virt_log"], "whole")) == [event(1, both)]


def test_a_key_is_no_label_and_no_name(tmp_path: Path) -> None:
    log = written(tmp_path, event(1, '"x"', exe="/usr/bin/virt_who"))
    assert found(log, by.with_key(["virt_"])) == []


def test_records_of_an_event_among_those_of_others_are_found(tmp_path: Path) -> None:
    one, other = event(1), event(2, '"other"')
    mixed = [record for pair in zip(other, one, strict=True) for record in pair]
    assert found(written(tmp_path, mixed), by.with_key(["virt_"])) == [one]


def test_the_same_stamp_of_another_host_is_another_event(tmp_path: Path) -> None:
    one, other = event(1, node="node=a "), event(1, '"other"', node="node=b ")
    mixed = [record for pair in zip(other, one, strict=True) for record in pair]
    log = written(tmp_path, mixed)
    assert found(log, by.with_key(["virt_"])) == [one]
    assert found(log, by.of_type(["SYSCALL"]), node="b") == [other]


def test_times_bound_what_is_found(tmp_path: Path) -> None:
    log = written(tmp_path, *(event(serial) for serial in range(1, 50)))
    lower, upper = 1795464002_000, 1795464004_000
    serials = [records[0].split(b":")[1].split(b")")[0] for records in found(log, since=lower, until=upper)]
    assert serials == [str(serial).encode() for serial in range(14, 28)]


def test_compressed_rotations_are_searched_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "audit.log.1.gz").write_bytes(gzip.compress(b"\n".join(event(1)) + b"\n"))
    assert found(tmp_path / "audit.log.1.gz", by.with_key(["virt_"])) == [event(1)]


def test_what_is_no_record_is_counted(tmp_path: Path) -> None:
    log = written(tmp_path, [b'type=SYSCALL key="virt_x"', b'msg=audit(x) key="virt_x"'], event(1))
    skipped = Skipped()
    assert len(list(search([Log(str(log))], Wanted((by.with_key(["virt_"]),)), skipped))) == 1
    assert skipped.malformed == 2


@pytest.mark.parametrize("junk", [b"\0" * 5000, b"\xff\xfe" * 300, b"virt_" * 400_000, b'key="virt_', b"\n\n\r\n"])
def test_junk_in_a_log_hides_nothing(tmp_path: Path, junk: bytes) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(junk + b"\n" + b"\n".join(event(1)) + b"\n" + junk + b"\n" + b"\n".join(event(2)))
    assert found(log, by.with_key(["virt_"])) == [event(1), event(2)]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([512, 4096, 65536]), st.integers(2, 400))
def test_how_the_log_is_cut_up_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, seed: int, block: int, count: int
) -> None:
    chance = random.Random(seed)
    records: list[tuple[float, bytes]] = []
    for serial in range(1, count):
        key = chance.choice(['"virt_a"', '"other"', "(null)", b"x\x01virt_b".hex().upper()])
        for index, record in enumerate(event(serial, key, uid=chance.choice([0, 33]))):
            records.append((serial + index * chance.choice([0.0, 0.3, 2.0]), record))
    log = tmp_path_factory.mktemp("cut") / "audit.log"
    log.write_bytes(b"\n".join(record for _, record in sorted(records, key=lambda each: each[0])))
    asked = (by.with_key(["virt_"]), by.of_user(33))
    whole = found(log, *asked)
    assert found(log, *asked, block=block) == whole
    assert [[*map(bytes, each)] for each in whole] == _by_hand(log.read_bytes())


def _by_hand(text: bytes) -> list[list[bytes]]:
    """The same, told by reading everything."""
    events: dict[bytes, list[bytes]] = {}
    order: list[bytes] = []
    for line in text.split(b"\n"):
        stamp = line.split(b"(")[1].split(b")")[0]
        events.setdefault(stamp, []).append(line)
        if b'key="virt_a"' in line or b"key=7801766972745F62" in line:
            order.append(stamp)
    return [events[stamp] for stamp in order if any(b" uid=33 " in line for line in events[stamp])]


@pytest.mark.parametrize("many", [3, 60, 1500])
def test_few_and_many_events_in_a_window_come_out_alike(tmp_path: Path, many: int) -> None:
    keys = ['"virt_a"' if serial % (1500 // many) == 0 else '"other"' for serial in range(1500)]
    events = [event(serial + 1, key) for serial, key in enumerate(keys)]
    expected = [each for each, key in zip(events, keys, strict=True) if key == '"virt_a"']
    assert found(written(tmp_path, *events), by.with_key(["virt_"])) == expected


def test_the_span_is_no_longer_than_what_windows_show() -> None:
    assert SPAN < CONTEXT


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415

    log = tmp_path / "audit.log"
    piece = b"".join(
        record + b"\n"
        for serial in range(3000)
        for record in event(serial, '"virt_a"' if serial % 9 == 0 else "(null)")
    )
    log.write_bytes(piece * 60)
    peak = (
        "import re, sys; from virtwarden.cli import main; main(sys.argv[1:]); "
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
    )
    done = subprocess.run(
        (sys.executable, "-c", peak, "audit", "search", "-k", "virt_", str(log)),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, text=True, timeout=120,
    )  # fmt: skip
    assert log.stat().st_size > 70 << 20
    assert int(done.stderr.split()[-1]) < 100_000
