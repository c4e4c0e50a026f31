"""How large a disk its own partition table says it is."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storagehost import partitioned
from virtwarden.formats.partitions import extent


def classic(*entries: tuple[int, int, int, int]) -> bytes:
    """A classic table of (flag, type, first sector, sectors)."""
    rows = b"".join(
        struct.pack("<B3sB3sII", flag, b"", kind, b"", start, count) for flag, kind, start, count in entries
    )
    return bytes(446) + rows.ljust(64, b"\0") + b"\x55\xaa"


def test_a_guid_table_names_the_last_sector() -> None:
    assert extent(partitioned(10 << 30)) == 10 << 30


def test_a_classic_table_shows_where_its_last_partition_ends() -> None:
    assert extent(classic((0x80, 0x83, 2048, 1000), (0, 0x82, 4096, 4096))) == 8192 * 512


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(4096),
        b"\xeb\x58\x90MSDOS".ljust(510, b"\x33") + b"\x55\xaa",
        classic(),
        partitioned(1 << 30)[:550],
        partitioned(1 << 30).replace(b"EFI PART", b"EFI WHAT"),
    ],
)
def test_what_is_no_table_tells_nothing(data: bytes) -> None:
    assert extent(data) is None


@given(st.binary(max_size=700), st.binary(max_size=700))
def test_any_bytes_are_read(first: bytes, second: bytes) -> None:
    found = extent(first[:510].ljust(510, b"\0") + b"\x55\xaa" + second)
    assert found is None or found >= 0
