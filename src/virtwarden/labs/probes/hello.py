"""The first words of TLS, said and heard without a TLS library: each version and each kind of cipher can be offered
alone, even those that no library of today offers any more.

A version counts as taken once the peer's side of the agreement is whole: up to ServerHelloDone in TLS 1.2 and older, a
ServerHello in TLS 1.3. Sources: RFC 5246, RFC 8446 and the registry of TLS parameters.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable

from virtwarden.formats import Malformed
from virtwarden.lab import Taken
from virtwarden.labs.probes.wire import Cut, Wire

VERSIONS = {"TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303, "TLS 1.3": 0x0304}
_NEW = 0x0304
_OF_NEW = (0x1301, 0x1302, 0x1303)
_USUAL = (
    *(0xC02B, 0xC02C, 0xC02F, 0xC030, 0x009E, 0x009F, 0xCCA8, 0xCCA9),  # ephemeral keys, authenticated encryption
    *(
        0xC023,
        0xC024,
        0xC027,
        0xC028,
        0xC009,
        0xC00A,
        0xC013,
        0xC014,
        0x0033,
        0x0039,
        0x0067,
        0x006B,
    ),  # ephemeral, CBC
    *(0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035),  # the key of the certificate itself
)
_BROKEN = (0x0003, 0x0004, 0x0005, 0x0008, 0x0009, 0x000A, 0x0013, 0x0015, 0x0016, 0xC007, 0xC008, 0xC011, 0xC012)
WEAK = {
    "ciphers that do not encrypt": (0x0001, 0x0002, 0x003B, 0xC001, 0xC006, 0xC00B, 0xC010),
    "ciphers without a certificate": (
        *(0x0018, 0x001B, 0x0034, 0x003A, 0x0046, 0x006C, 0x006D, 0x0089, 0x00A6, 0x00A7),
        *(0xC015, 0xC016, 0xC017, 0xC018, 0xC019),
    ),
    "RC4, DES or 3DES": _BROKEN,
}
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019, 0x0100, 0x0101)
_SIGNATURES = (
    0x0403,
    0x0503,
    0x0603,
    0x0807,
    0x0804,
    0x0805,
    0x0806,
    0x0401,
    0x0501,
    0x0601,
    0x0203,
    0x0201,
    0x0202,
)
_X25519, _KEY_BYTES = 0x001D, 32
_HANDSHAKE, _ALERT = 22, 21
_SERVER_HELLO, _DONE = 2, 14
_LARGEST_RECORD, _LARGEST_FLIGHT = (1 << 14) + 2048, 1 << 17
_ALERTS = {
    40: "handshake failure",
    47: "illegal parameter",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    109: "missing extension",
}

Opening = Callable[[], Wire]
"""Connects, and goes on to where TLS begins. Raises `Cut`."""


class Alert(Exception):
    """The peer will not; the message names its alert."""


def versions(opening: Opening) -> tuple[Taken, ...]:
    """Each version offered alone, the oldest first."""
    return tuple(_offered(opening, name, version, (*_USUAL, *_BROKEN)) for name, version in VERSIONS.items())


def weak_ciphers(opening: Opening) -> tuple[Taken, ...]:
    """Each kind of weak cipher offered alone, in TLS 1.2."""
    return tuple(_offered(opening, name, VERSIONS["TLS 1.2"], ciphers) for name, ciphers in WEAK.items())


def hello(version: int, ciphers: tuple[int, ...]) -> bytes:
    """What a client says first, who speaks this version alone."""
    offered = _OF_NEW if version == _NEW else ciphers
    body = struct.pack(">H", min(version, 0x0303)) + secrets.token_bytes(32)
    body += b"\x20" + secrets.token_bytes(32) + _listed(">H", offered) + b"\x01\x00"
    extensions = _extension(10, _listed(">H", _GROUPS)) + _extension(11, b"\x01\x00")
    if version >= 0x0303:
        extensions += _extension(13, _listed(">H", _SIGNATURES))
    if version == _NEW:
        share = struct.pack(">HH", _X25519, _KEY_BYTES) + secrets.token_bytes(_KEY_BYTES)
        extensions += _extension(43, struct.pack(">BH", 2, version))
        extensions += _extension(51, struct.pack(">H", len(share)) + share)
    body += struct.pack(">H", len(extensions)) + extensions
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", _HANDSHAKE, 0x0301, len(handshake)) + handshake


def agreed(body: bytes) -> tuple[int, int]:
    """The version and the cipher in a ServerHello. Raises `Malformed`."""
    if len(body) < 38 or len(body) < 38 + body[34]:
        raise Malformed("a ServerHello that ends too early")
    version = int.from_bytes(body[:2], "big")
    after = 35 + body[34]
    cipher = int.from_bytes(body[after : after + 2], "big")
    at, end = after + 5, len(body)
    while at + 4 <= end:
        kind, size = struct.unpack_from(">HH", body, at)
        if kind == 43 and size == 2 and at + 6 <= end:
            version = int.from_bytes(body[at + 4 : at + 6], "big")
        at += 4 + size
    return version, cipher


def _offered(opening: Opening, what: str, version: int, ciphers: tuple[int, ...]) -> Taken:
    try:
        with opening() as wire:
            wire.send(hello(version, ciphers))
            found, cipher = _answer(wire, version)
    except Cut as cut:
        return Taken(what, None if cut.silent or cut.unheard else False, str(cut))
    except Alert as alert:
        return Taken(what, False, str(alert))
    except Malformed as wrong:
        return Taken(what, None, f"it is not TLS that answers: {wrong}")
    if found != version:
        return Taken(what, False, f"the peer answered with version {found:#06x}")
    return Taken(what, True, f"agreed on, with cipher {cipher:#06x}")


def _answer(wire: Wire, version: int) -> tuple[int, int]:
    """What the peer's side of the agreement comes to. Raises `Alert`, `Cut`, `Malformed`."""
    flight, found = bytearray(), None
    while True:
        flight += _record(wire)
        while len(flight) >= 4 and len(flight) >= (whole := 4 + int.from_bytes(flight[1:4], "big")):
            kind, body = flight[0], bytes(flight[4:whole])
            del flight[:whole]
            if found is None and kind != _SERVER_HELLO:
                raise Malformed("a conversation that does not begin with a ServerHello")
            found = found or agreed(body)
            if kind == _DONE or found[0] == _NEW or found[0] != version:
                return found
        if len(flight) > _LARGEST_FLIGHT:
            raise Malformed("a handshake message without end")


def _record(wire: Wire) -> bytes:
    kind, major, _, size = struct.unpack(">BBBH", wire.take(5))
    if kind not in (_HANDSHAKE, _ALERT) or major != 3 or not 0 < size <= _LARGEST_RECORD:
        raise Malformed("no record of TLS's")
    data = wire.take(size)
    if kind == _ALERT:
        number = data[-1]
        raise Alert(f"the peer sent the TLS alert {_ALERTS.get(number, number)}")
    return data


def _listed(form: str, numbers: tuple[int, ...]) -> bytes:
    data = b"".join(struct.pack(form, each) for each in numbers)
    return struct.pack(">H", len(data)) + data


def _extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">HH", kind, len(data)) + data
