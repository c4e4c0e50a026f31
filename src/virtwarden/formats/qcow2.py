"""What an image's first bytes tell: which format it is, and for qcow2 what else it points to.

A guest can write whatever it likes to the start of a raw image, so a format found here is a statement of the
data and not of the truth. Source of the header's layout: QEMU's docs/interop/qcow2.txt.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.formats import Malformed

HEAD = 65536
"""How many bytes of an image hold all that `parse` and `magic` look at."""

_MAGIC = b"QFI\xfb"
_V1 = struct.Struct(">4sIQIIQBBHIQ")
_V2 = struct.Struct(">4sIQIIQIIQQIIQ")
_V3 = struct.Struct(">QQQII")
_EXTENSION = struct.Struct(">II")
_LUKS_POINTER = struct.Struct(">QQ")
_BACKING_FORMAT, _DATA_FILE, _LUKS_HEADER = 0xE2792ACA, 0x44415441, 0x0537BE77
_ENCRYPTION = {0: None, 1: "aes", 2: "luks"}
_LONGEST_NAME = 1023

MAGICS = (
    (0, b"QED\0", "qed"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vpc"),
    (0, b"LUKS\xba\xbe", "luks"),
    (0, b"WithoutFreeSpace", "parallels"),
    (0, b"WithouFreSpacExt", "parallels"),
    (0, b"Bochs Virtual HD Image", "bochs"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0x8001, b"CD001", "iso"),
)
"""Where a format has its sign, the sign, and the format."""


@dataclass(frozen=True, slots=True)
class Qcow2:
    """A qcow or qcow2 header. `size` is what the guest sees, in bytes; `backing` and `data_file` are names as
    the image gives them; `luks` is where a LUKS header stands in the file: its offset and its length."""

    version: int
    size: int
    backing: str | None
    backing_format: str | None
    data_file: str | None
    has_data_file: bool
    encryption: str | None
    luks: tuple[int, int] | None
    cluster_size: int
    is_dirty: bool
    is_corrupt: bool


def magic(data: bytes) -> str | None:
    """The format that these first bytes announce; None where there is no known sign, as in a raw image."""
    if data.startswith(_MAGIC) and len(data) >= 8:
        return "qcow" if int.from_bytes(data[4:8], "big") == 1 else "qcow2"
    return next((name for at, sign, name in MAGICS if data[at : at + len(sign)] == sign), None)


def parse(data: bytes) -> Qcow2 | None:
    """The header; None where there is none. Raises `Malformed` for one that is cut short or cannot be."""
    if not data.startswith(_MAGIC):
        return None
    version = int.from_bytes(data[4:8], "big")
    if version == 1:
        return _first_version(data)
    if version not in (2, 3):
        raise Malformed(f"qcow2 version {version} is not known")
    fields = _unpacked(_V2, data, 0)
    backing_at, backing_length, cluster_bits, size, method = fields[2:7]
    incompatible, length = 0, _V2.size
    if version == 3:
        incompatible, _, _, _, length = _unpacked(_V3, data, _V2.size)
    if not 9 <= cluster_bits <= 21:
        raise Malformed(f"a cluster cannot have 2^{cluster_bits} bytes")
    if not _V2.size <= length <= 1 << cluster_bits:
        raise Malformed(f"the header cannot be {length} bytes long")
    end = backing_at if backing_at else 1 << cluster_bits
    extensions = dict(_extensions(data, length, end))
    return Qcow2(
        version=version,
        size=size,
        backing=_name(data, backing_at, backing_length),
        backing_format=_text(extensions.get(_BACKING_FORMAT)),
        data_file=_text(extensions.get(_DATA_FILE)),
        has_data_file=bool(incompatible & 4),
        encryption=_encryption(method),
        luks=_luks(extensions.get(_LUKS_HEADER)),
        cluster_size=1 << cluster_bits,
        is_dirty=bool(incompatible & 1),
        is_corrupt=bool(incompatible & 2),
    )


def _first_version(data: bytes) -> Qcow2:
    _, _, backing_at, backing_length, _, size, cluster_bits, _, _, method, _ = _unpacked(_V1, data, 0)
    if not 9 <= cluster_bits <= 16:
        raise Malformed(f"a cluster cannot have 2^{cluster_bits} bytes")
    backing = _name(data, backing_at, backing_length)
    encryption = _encryption(method)
    return Qcow2(1, size, backing, None, None, False, encryption, None, 1 << cluster_bits, False, False)


def _extensions(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    while at + _EXTENSION.size <= min(end, len(data)):
        kind, length = _unpacked(_EXTENSION, data, at)
        if kind == 0:
            return
        at += _EXTENSION.size
        if length > end - at:
            raise Malformed("a header extension reaches beyond the header")
        if at + length > len(data):
            raise Malformed("the header is cut short")
        yield kind, data[at : at + length]
        at += (length + 7) & ~7


def _name(data: bytes, at: int, length: int) -> str | None:
    if at == 0:
        return None
    if length > _LONGEST_NAME:
        raise Malformed(f"a backing file's name cannot have {length} bytes")
    if at + length > len(data):
        raise Malformed("the backing file's name lies beyond what was read")
    return _text(data[at : at + length])


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.rstrip(b"\0").decode("utf-8", "surrogateescape")


def _encryption(method: int) -> str | None:
    if method not in _ENCRYPTION:
        raise Malformed(f"encryption method {method} is not known")
    return _ENCRYPTION[method]


def _luks(extension: bytes | None) -> tuple[int, int] | None:
    if extension is None or len(extension) < _LUKS_POINTER.size:
        return None
    offset, length = _LUKS_POINTER.unpack_from(extension)
    return offset, length


def _unpacked(layout: struct.Struct, data: bytes, at: int) -> tuple[int, ...]:
    if at + layout.size > len(data):
        raise Malformed("the header is cut short")
    return layout.unpack_from(data, at)
