"""The first bytes of a file without what is stored in it: headers stay, contents are zeroed.

The first bytes of a disk can be a guest's data, and a file that lies beside images can be the key to one. What
judgements need is the header of the image's format or of LUKS, and the partition table. Lengths do not change.
"""

from __future__ import annotations

from virtwarden.formats import Malformed, qcow2

_SECTOR = 512
_TABLE = (446, _SECTOR)
_GPT = (_SECTOR, _SECTOR + 48)


def without_contents(data: bytes) -> bytes:
    """The same bytes with everything zeroed that is no header."""
    kept = bytearray(len(data))
    for start, end in _headers(data):
        kept[start:end] = data[start:end]
    return bytes(kept)


def _headers(data: bytes) -> list[tuple[int, int]]:
    sign = qcow2.magic(data)
    if sign == "luks":
        return [(0, len(data))]
    if sign in ("qcow", "qcow2"):
        return _of_qcow2(data)
    found = [(at, at + len(mark)) for at, mark, _ in qcow2.MAGICS if data.startswith(mark, at)]
    if data.startswith(b"\x55\xaa", _SECTOR - 2):
        found.append(_TABLE)
    if data.startswith(b"EFI PART", _SECTOR):
        found.append(_GPT)
    return found


def _of_qcow2(data: bytes) -> list[tuple[int, int]]:
    """Its first cluster, the name of its backing file and its LUKS header; all of one that makes no sense."""
    try:
        header = qcow2.parse(data)
    except Malformed:
        return [(0, len(data))]
    assert header is not None
    name_end = int.from_bytes(data[8:16], "big") + int.from_bytes(data[16:20], "big")
    found = [(0, max(header.cluster_size, name_end))]
    if header.luks is not None:
        at, length = header.luks
        found.append((at, at + length))
    return found
