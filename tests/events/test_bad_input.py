"""Nothing that a log can hold ends the reading of it, and what is skipped is counted."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.events.made import Guest, Made
from virtwarden.events import LogError, Skipped, events, sessions
from virtwarden.events.blocks import LONGEST


def lived(name: str = "web") -> Made:
    made = Made()
    guest = Guest(name)
    made.start(guest)
    made.wait(9)
    made.stop(guest)
    return made


def read(path: Path) -> tuple[int, Skipped]:
    skipped = Skipped()
    list(events([str(path)], Skipped()))
    return len(list(sessions([str(path)], skipped))), skipped


def test_a_line_of_megabytes_is_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    first, second = lived("one").data, lived("two").data
    path.write_bytes(first + b"type=VIRT_CONTROL " + b"x" * 5_000_000 + b"\n" + second)
    count, skipped = read(path)
    assert (count, skipped.too_long) == (2, 1)
    assert skipped.bytes >= 5_000_000


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, LONGEST * 4, LONGEST * 5 + 7])
def test_what_follows_a_long_line_is_read_wherever_blocks_end(tmp_path: Path, length: int) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"VIRT_" + b"y" * length + b"\n" + lived().data)
    for block in (4096, 100_000, 1 << 20):
        skipped = Skipped()
        assert [each.guest for each in sessions([str(path)], skipped, block)] == ["web"]


def test_a_torn_last_line_is_counted_and_the_rest_stands(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    data = lived().data
    path.write_bytes(data[:-40])
    count, skipped = read(path)
    assert (count, skipped.torn) == (1, 1)


def test_every_cut_is_read_without_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    data = lived().data
    for length in range(0, len(data), 37):
        path.write_bytes(data[:length])
        read(path)


def test_nuls_and_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"\0" * 4096 + b"\n\xff\xfe VIRT_\n" + lived().data + b"type=VIRT_CONTROL\xff\n")
    count, skipped = read(path)
    assert count == 1
    assert skipped.malformed == 1


def test_a_rotation_that_was_cut_off_is_read_as_far_as_it_goes_and_named(tmp_path: Path) -> None:
    path = tmp_path / "audit.log.1.gz"
    path.write_bytes(gzip.compress(lived("one").data + lived("two").data * 50)[:-30])
    count, skipped = read(path)
    assert count >= 1
    assert "audit.log.1.gz" in skipped.damaged[0]


@pytest.mark.parametrize("head", [b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"])
def test_a_file_that_only_looks_compressed_is_named(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(head + b"nonsense" * 100)
    assert read(path)[1].damaged


def test_an_empty_log_has_no_sessions(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"")
    assert read(path) == (0, Skipped())


def test_a_log_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"missing.log cannot be read: No such file"):
        list(sessions([str(tmp_path / "missing.log")], Skipped()))


def test_a_folder_without_a_log_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"there is no audit.log in"):
        list(sessions([str(tmp_path)], Skipped()))


def test_names_that_would_be_several_fields_stay_names(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    made = Made()
    for name in ("a' res=failed", 'b" op=stop', "c\nd", "é", "x exe=/bin/sh", "it's", "type=VIRT_CONTROL"):
        guest = Guest(name)
        made.start(guest)
        made.stop(guest)
    made.write(path)
    found = {each.guest: each.ending for each in sessions([str(path)], Skipped())}
    assert list(found) == [
        "a' res=failed",
        'b" op=stop',
        "c\nd",
        "é",
        "x exe=/bin/sh",
        "it's",
        "type=VIRT_CONTROL",
    ]
    assert set(found.values()) == {"shutdown"}


def test_other_records_of_virtualization_are_no_guests(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    text = lived().text
    other = (
        text.split("\n")[0].replace("VIRT_MACHINE_ID", "VIRT_MIGRATE_IN").replace("VIRT_CONTROL", "VIRT_CREATE")
    )
    path.write_text(f"{other}\n{text}")
    count, skipped = read(path)
    assert (count, skipped.malformed) == (1, 0)
