"""How large a disk its own partition table says it is.

A copy that was cut short still begins with the whole table, so the table tells what is missing. Sources: the UEFI
specification's chapter on GUID partition tables; the classic partition table of four entries.
"""

from __future__ import annotations

import struct

_SECTOR = 512
_ENTRIES = 446
_ENTRY = struct.Struct("<B3sB3sII")
_PROTECTIVE = 0xEE
_GPT = struct.Struct("<8sIIIIQQ")


def extent(data: bytes) -> int | None:
    """The least size in bytes of a disk that begins with these bytes; None where there is no partition table.

    A GUID table names the disk's last sector; a classic one only shows where its last partition ends.
    """
    if data[510:512] != b"\x55\xaa":
        return None
    entries = [_ENTRY.unpack_from(data, _ENTRIES + number * _ENTRY.size) for number in range(4)]
    if any(entry[0] not in (0, 0x80) for entry in entries):
        return None  # a boot sector's code, not a table
    if any(entry[2] == _PROTECTIVE for entry in entries):
        return _gpt(data)
    ends = [start + count for _, _, kind, _, start, count in entries if kind and count]
    return max(ends) * _SECTOR if ends else None


def _gpt(data: bytes) -> int | None:
    if len(data) < _SECTOR + _GPT.size:
        return None
    signature, _, _, _, _, here, alternate = _GPT.unpack_from(data, _SECTOR)
    if signature != b"EFI PART" or here != 1:
        return None
    return (int(alternate) + 1) * _SECTOR
