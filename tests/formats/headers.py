"""Headers of volumes and images built field by field, for tests that need none of the real programs."""

from __future__ import annotations

import json
import struct

METADATA: dict[str, object] = {
    "keyslots": {
        "0": {
            "type": "luks2",
            "key_size": 64,
            "af": {"type": "luks1", "stripes": 4000, "hash": "sha256"},
            "area": {
                "type": "raw",
                "offset": "32768",
                "size": "258048",
                "encryption": "aes-xts-plain64",
                "key_size": 64,
            },
            "kdf": {"type": "argon2id", "time": 7, "memory": 1048576, "cpus": 4, "salt": "[redacted]"},
        },
        "1": {
            "type": "luks2",
            "key_size": 64,
            "af": {"type": "luks1", "stripes": 4000, "hash": "sha256"},
            "area": {
                "type": "raw",
                "offset": "290816",
                "size": "258048",
                "encryption": "aes-xts-plain64",
                "key_size": 64,
            },
            "kdf": {"type": "pbkdf2", "hash": "sha256", "iterations": 1000, "salt": "[redacted]"},
        },
    },
    "tokens": {"0": {"type": "clevis", "keyslots": ["0"], "jwe": "[redacted]"}},
    "segments": {
        "0": {
            "type": "crypt",
            "offset": "16777216",
            "size": "dynamic",
            "iv_tweak": "0",
            "encryption": "aes-xts-plain64",
            "sector_size": 4096,
        }
    },
    "digests": {
        "0": {
            "type": "pbkdf2",
            "keyslots": ["0"],
            "segments": ["0"],
            "hash": "sha256",
            "iterations": 123456,
            "salt": "[redacted]",
            "digest": "[redacted]",
        }
    },
    "config": {
        "json_size": "12288",
        "keyslots_size": "16744448",
        "flags": ["allow-discards"],
        "requirements": {"mandatory": ["online-reencrypt-v2"]},
    },
}


def luks1(*, mode: str = "cbc-essiv:sha256", key_bytes: int = 16, iterations: int = 10) -> bytes:
    """A LUKS1 header with slot 0 in use, weak unless told otherwise."""
    head = struct.pack(
        ">6sH32s32s32sII20s32sI40s",
        b"LUKS\xba\xbe", 1, b"aes", mode.encode(), b"sha1", 1032, key_bytes, bytes(20), bytes(32), iterations,
        b"5a7d0a4e-0001-4c7e-8a5a-1f2e3d4c5b6a",
    )  # fmt: skip
    slot = struct.Struct(">II32sII")
    used = slot.pack(0x00AC71F3, 195056, bytes(32), 8, 4000)
    return head + used + slot.pack(0x0000DEAD, 0, bytes(32), 264, 4000) * 7


def luks2(metadata: dict[str, object] | bytes | None = None, *, size: int = 16384) -> bytes:
    """A LUKS2 header with two key slots, one of them of no use, and a token."""
    text = metadata if isinstance(metadata, bytes) else json.dumps(metadata or METADATA).encode()
    head = struct.pack(
        ">6sHQQ48s32s64s40s48sQ",
        b"LUKS\xba\xbe", 2, size, 3, b"guest01", b"sha256", bytes(64),
        b"0d5cbb4e-0002-4c7e-8a5a-1f2e3d4c5b6a", b"virt", 0,
    )  # fmt: skip
    return head.ljust(4096, b"\0") + text.ljust(size - 4096, b"\0")


def qcow2(
    *,
    version: int = 3,
    backing: bytes = b"/var/lib/libvirt/images/base.qcow2",
    extensions: tuple[tuple[int, bytes], ...] = ((0xE2792ACA, b"qcow2"),),
    incompatible: int = 0,
    method: int = 0,
    cluster_bits: int = 16,
) -> bytes:
    """A qcow2 header with its extensions and the name of its backing file."""
    rest = b"".join(
        struct.pack(">II", kind, len(value)) + value.ljust((len(value) + 7) & ~7, b"\0")
        for kind, value in extensions
    )
    length = 104 if version == 3 else 72
    at = length + len(rest) + 8 if backing else 0
    head = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb", version, at, len(backing), cluster_bits, 10 << 30, method, 1, 196608, 65536, 1, 0, 0,
    )  # fmt: skip
    if version == 3:
        head += struct.pack(">QQQII", incompatible, 0, 0, 4, 104)
    return head + rest + bytes(8) + backing


def qcow1(*, backing: bytes = b"base.img", method: int = 1) -> bytes:
    """A header of the first version of qcow."""
    head = struct.pack(">4sIQIIQBBHIQ", b"QFI\xfb", 1, 48, len(backing), 0, 1 << 20, 12, 9, 0, method, 48)
    return head + backing
