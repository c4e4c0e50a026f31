"""A domain's XML as typed values."""

import pytest

from tests.kit import guest


@pytest.mark.parametrize(
    ("unit", "kib"),
    [
        ("b", 3),
        ("bytes", 3),
        ("KiB", 2049),
        ("k", 2049),
        ("kb", 2001),
        ("MiB", 2049 << 10),
        ("mib", 2049 << 10),
        ("MB", 2000977),
        ("G", 2049 << 20),
        ("gib", 2049 << 20),
        ("GB", 2000976563),
        ("T", 2049 << 30),
        ("PiB", 2049 << 40),
        ("", 2049),
        ("furlong", 2049),
    ],
)
def test_amounts_of_memory_are_read_in_libvirts_units_whatever_their_case(unit: str, kib: int) -> None:
    definition = guest(extra=f"<memtune><hard_limit unit='{unit}'>2049</hard_limit></memtune>").latest
    assert definition.memtune("hard_limit") == kib


@pytest.mark.parametrize("number", ["9" * 21, "9" * 5000, "²", "1e9", "many", ""])
def test_what_is_no_number_of_64_bits_is_no_limit(number: str) -> None:
    definition = guest(extra=f"<memtune><hard_limit unit='b'>{number}</hard_limit></memtune>").latest
    assert definition.memtune("hard_limit") is None
