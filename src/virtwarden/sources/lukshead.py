"""LUKS headers without what an attacker could try passphrases against: salts, digests and key material.

What is left is what a judgement needs: version, cipher, hash, key size, key slots and their costs, UUID.
Lengths do not change.
"""

from __future__ import annotations

import re

_LUKS1 = b"LUKS\xba\xbe\x00\x01"
_LUKS2 = re.compile(rb"(?:LUKS|SKUL)\xba\xbe\x00\x02")
_JSON_SECRET = re.compile(rb'("(?:salt|digest)"\s*:\s*")([A-Za-z0-9+/\\]{1,1024})(={0,2}")')
_LUKS1_HEADER = 592
_LUKS1_SECRETS = ((112, 20), (132, 32), *((208 + 48 * slot + 8, 32) for slot in range(8)))
_LUKS2_SALT = (104, 64)


def without_salts(data: bytes) -> bytes:
    """The same bytes with the secret parts of every LUKS header in them zeroed."""
    if b"\xba\xbe\x00" not in data:
        return data
    blanked = bytearray(data)
    start = data.find(_LUKS1)
    while start >= 0:
        _blank_luks1(blanked, start)
        start = data.find(_LUKS1, start + _LUKS1_HEADER)
    second = [match.start() for match in _LUKS2.finditer(data)]
    for start in second:
        _zero(blanked, start + _LUKS2_SALT[0], _LUKS2_SALT[1])
    if second:
        _blank_key_slots(blanked, second[0])
    return _JSON_SECRET.sub(lambda m: m[1] + b"A" * len(m[2]) + m[3], bytes(blanked)) if second else bytes(blanked)


def _blank_luks1(data: bytearray, start: int) -> None:
    for offset, length in _LUKS1_SECRETS:
        _zero(data, start + offset, length)
    payload = int.from_bytes(data[start + 104 : start + 108], "big") * 512 or len(data)
    _zero(data, start + _LUKS1_HEADER, max(payload - _LUKS1_HEADER, 0))


def _blank_key_slots(data: bytearray, start: int) -> None:
    """Zero everything after the two copies of the header."""
    size = int.from_bytes(data[start + 8 : start + 16], "big")
    end = start + 2 * size
    if size and end < len(data):
        _zero(data, end, len(data) - end)


def _zero(data: bytearray, start: int, length: int) -> None:
    end = min(start + length, len(data))
    if start < end:
        data[start:end] = bytes(end - start)
