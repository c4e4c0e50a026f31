"""The tar that a bundle is: other programs read it, and in no other form is it taken."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.events.evidence import container as tar

MEMBERS = {name: f"this is {name}\n".encode() for name in tar.ORDER}


def _bundle(members: dict[str, bytes], made: int = 1_795_464_000) -> bytes:
    out = io.BytesIO()
    for name, data in members.items():
        tar.write_member(out, name, len(data), iter((data,)), made)
    tar.write_end(out)
    return out.getvalue()


def _opened(data: bytes) -> tar.Bundle:
    return tar.opened(io.BytesIO(data))


def test_what_was_written_is_read() -> None:
    bundle = _opened(_bundle(MEMBERS))
    assert {name: bundle.read(name) for name in bundle.spans} == MEMBERS
    assert bundle.made == 1_795_464_000


def test_other_programs_read_it(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar"
    path.write_bytes(_bundle(MEMBERS))
    listed = subprocess.run(["tar", "-tvf", path], capture_output=True, text=True, check=True)
    assert [line.split()[-1] for line in listed.stdout.splitlines()] == list(tar.ORDER)
    assert all(line.startswith("-rw-------") for line in listed.stdout.splitlines())
    with tarfile.open(path) as archive:
        assert [member.name for member in archive] == list(tar.ORDER)


def test_a_bundle_need_not_be_signed() -> None:
    assert tar.SIGNATURE not in _opened(_bundle({k: v for k, v in MEMBERS.items() if k != tar.SIGNATURE})).spans


@pytest.mark.parametrize("name", [name for name in tar.ORDER if name != tar.SIGNATURE])
def test_a_missing_member_is_named(name: str) -> None:
    with pytest.raises(tar.BadBundle, match=f"{name} is missing"):
        _opened(_bundle({each: data for each, data in MEMBERS.items() if each != name}))


def test_members_that_come_twice_are_refused() -> None:
    once = _bundle(MEMBERS)[: -2 * 512]
    with pytest.raises(tar.BadBundle, match="comes twice"):
        _opened(once + _bundle({tar.SUMS: b"other"}))


def test_reordered_members_are_refused() -> None:
    with pytest.raises(tar.BadBundle, match="reordered"):
        _opened(_bundle(dict(reversed(MEMBERS.items()))))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "records.log/../x", "README"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(tar.BadBundle, match="no member"):
        _opened(_bundle({name: b"x"}) + _bundle(MEMBERS))


def test_links_are_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("records.log")
        link.type, link.linkname, link.mode = tarfile.SYMTYPE, "/etc/shadow", 0o600
        archive.addfile(link)
    with pytest.raises(tar.BadBundle):
        _opened(out.getvalue())


def test_a_size_that_lies_is_refused_without_reading_on() -> None:
    head = tar.header(tar.README, 8**11 - 1, 0)
    with pytest.raises(tar.BadBundle, match="ends early"):
        _opened(head + bytes(1024))


def test_what_does_not_fit_into_a_header_is_not_written() -> None:
    with pytest.raises(tar.BadBundle, match="8 GiB"):
        tar.header(tar.RECORDS, 8**11, 0)


def test_compressed_and_other_files_are_refused() -> None:
    for data in (b"", b"x", b"\x1f\x8b" + bytes(600), bytes(1024), b"PK\x03\x04" + bytes(2000)):
        with pytest.raises(tar.BadBundle):
            _opened(data)


def test_a_pipe_and_a_directory_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(tar.BadBundle, match="no regular file"):
            tar.open_bundle(str(path))


def test_every_flipped_bit_outside_the_members_is_found() -> None:
    whole = _bundle(MEMBERS)
    spans = _opened(whole).spans.values()
    inside = {place for span in spans for place in range(span.offset, span.offset + span.size)}
    for place in range(len(whole)):
        if place in inside:
            continue
        for bit in (1, 0x80):
            changed = bytearray(whole)
            changed[place] ^= bit
            with pytest.raises(tar.BadBundle):
                _opened(bytes(changed))


@given(st.integers(0, 6000))
def test_a_bundle_that_was_cut_is_refused(length: int) -> None:
    whole = _bundle(MEMBERS)
    if length < len(whole):
        with pytest.raises(tar.BadBundle):
            _opened(whole[:length])


@given(st.binary(min_size=1, max_size=1500))
def test_bytes_behind_the_end_are_found(more: bytes) -> None:
    with pytest.raises(tar.BadBundle):
        _opened(_bundle(MEMBERS) + more)


@given(st.binary(max_size=3000))
def test_whatever_it_is_it_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(tar.BadBundle):
        _opened(data)
