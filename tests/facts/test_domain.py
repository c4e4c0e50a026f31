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


def test_numbers_of_any_length_are_read() -> None:
    definition = guest(extra=f"<memtune><hard_limit unit='b'>{10**400}</hard_limit></memtune>").latest
    assert definition.memtune("hard_limit") == -(-(10**400) // 1024)
