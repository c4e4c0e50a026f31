"""A conversation with a SPICE server: which channels it links in the clear, and whether it asks for a password.

Linking the main channel to its end would throw out whoever watches the guest, so that one is let go as soon as the
server has answered. A password is tried on the inputs channel of a session that does not exist: who needs none is told
that there is no such session, who needs one is turned away first. Source: the SPICE protocol, section on links.
"""

from __future__ import annotations

import secrets
import struct
from functools import cache

from virtwarden.formats import Malformed
from virtwarden.lab import Linked, Met, Reached, Served
from virtwarden.labs.probes.tls import served_on
from virtwarden.labs.probes.wire import Cut, Wire

CHANNELS = {
    "main": 1,
    "display": 2,
    "inputs": 3,
    "cursor": 4,
    "playback": 5,
    "record": 6,
    "smartcard": 8,
    "usbredir": 9,
}
NEED_SECURED, NO_SUCH_SESSION = 5, 8
_ERRORS = {
    0: "no error",
    1: "an error",
    2: "wrong magic",
    3: "wrong data",
    4: "another version",
    NEED_SECURED: "only with TLS",
    6: "only without TLS",
    7: "permission denied",
    NO_SUCH_SESSION: "there is no such session",
    9: "there is no such channel",
}
_MAGIC, _VERSION = b"REDQ", (2, 2)
_HEADER = struct.Struct("<4sIII")
_MESSAGE = struct.Struct("<IBBIII")
_REPLY = struct.Struct("<I162sIII")
_SELECTION, _SASL, _SPICE = 0b0001, 0b0010, 0b0100
_LONGEST = 1 << 14
_BY_SPICE, _BY_SASL = 1, 2


def linked(wire: Wire, channel: str, *, encrypted: bool) -> Linked:
    """Link a channel and let it go."""
    try:
        if encrypted:
            served_on(wire)
        error, _, _ = _link(wire, CHANNELS[channel], 0)
    except (Cut, Malformed) as wrong:
        return Linked(channel, None, str(wrong))
    return Linked(channel, error, named(error))


def met(wire: Wire, *, encrypted: bool) -> Met:
    """Go as far as the server lets somebody who knows no password."""
    reached, served = Reached.CONNECTED, None
    try:
        if encrypted:
            served = served_on(wire)
            reached = Reached.GREETED
        error, key, knows = _link(wire, CHANNELS["inputs"], secrets.randbits(31) | 1)
        reached = Reached.GREETED
        if error:
            return Met(reached, f"it answered: {named(error)}", served=served)
        return _ticketed(wire, key, knows, served)
    except Cut as cut:
        return Met(reached, str(cut), cut.silent, served)
    except Malformed as wrong:
        return Met(reached, str(wrong), served=served)


@cache
def ready() -> None:
    """Load what a password is encrypted with: by somebody without rights it might not be readable."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    sample = generate_private_key(65537, 2048).public_key()
    _ticket(sample.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def named(error: int) -> str:
    """A link's error in words."""
    return _ERRORS.get(error, f"error {error}")


def message(channel: int, session: int) -> bytes:
    """What links a channel to a session, 0 for a new one."""
    common, own = struct.pack("<I", _SELECTION | _SASL | _SPICE), struct.pack("<I", 0)
    body = _MESSAGE.pack(session, channel, 0, 1, 1, _MESSAGE.size) + common + own
    return _HEADER.pack(_MAGIC, *_VERSION, len(body)) + body


def parse(body: bytes) -> tuple[int, bytes, int]:
    """An answer without its header: the error, the key that passwords are encrypted with, the common abilities. Raises
    `Malformed`."""
    if len(body) < _REPLY.size:
        raise Malformed("an answer of SPICE's that ends too early")
    error, key, common, _, offset = _REPLY.unpack_from(body)
    if not common:
        return error, key, 0
    if offset + 4 > len(body):
        raise Malformed("an answer of SPICE's that ends too early")
    return error, key, int.from_bytes(body[offset : offset + 4], "little")


def _link(wire: Wire, channel: int, session: int) -> tuple[int, bytes, int]:
    wire.send(message(channel, session))
    magic, major, _, size = _HEADER.unpack(wire.take(_HEADER.size))
    if magic != _MAGIC or major != _VERSION[0]:
        raise Malformed("it is not SPICE that speaks there")
    if not 4 <= size <= _LONGEST:
        raise Malformed(f"an answer of {size} bytes")
    body = wire.take(size)
    return parse(body) if size > 4 else (int.from_bytes(body, "little"), b"", 0)


def _ticketed(wire: Wire, key: bytes, knows: int, served: Served | None) -> Met:
    if knows & _SELECTION:
        wire.send(struct.pack("<I", _BY_SPICE))
    wire.send(_ticket(key))
    verdict = int.from_bytes(wire.take(4), "little")
    if verdict in (0, NO_SUCH_SESSION):
        return Met(Reached.SESSION, "it asked for no password", served=served)
    return Met(
        Reached.ADMITTED, f"without the password it answered: {named(verdict)}", False, served, ("password",)
    )


def _ticket(key: bytes) -> bytes:
    """No password, encrypted as one is. Raises `Malformed`."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  # loading the library takes long
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        public = load_der_public_key(key)
    except Exception as wrong:  # the library has many words for a key that is none
        raise Malformed("an answer of SPICE's without a key") from wrong
    if not isinstance(public, rsa.RSAPublicKey):
        raise Malformed("an answer of SPICE's without a key")
    sha = hashes.SHA1()  # noqa: S303  # SPICE knows no other
    return public.encrypt(b"\0", padding.OAEP(mgf=padding.MGF1(sha), algorithm=sha, label=None))
