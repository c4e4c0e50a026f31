"""libvirt's messages, as far as a probe says and hears them: pure bytes to values and back.

Sources: libvirt's virnetprotocol.x, remote_protocol.x and admin_protocol.x. Numbers are big-endian, as XDR has them;
texts are padded to four bytes, and `char data<>` takes four bytes a character.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from virtwarden.formats import Malformed

REMOTE, ADMIN = 0x20008086, 0x06900690
LARGEST = 1 << 18
_CALL, _REPLY = 0, 1
_OK, _ERROR = 0, 1
_HEADER = struct.Struct(">IIiiIi")
AUTHENTICATIONS = {0: "none", 1: "sasl", 2: "polkit"}
_MOST_AUTHENTICATIONS = 20


class Procedure(IntEnum):
    """What can be called in the program of management."""

    OPEN = 1
    CLOSE = 2
    AUTH_LIST = 66
    SASL_INIT = 67
    SASL_START = 68
    SASL_STEP = 69
    POLKIT = 70


ADMIN_OPEN = 1


@dataclass(frozen=True, slots=True)
class Message:
    """One that came: a reply, or something that nobody asked for. `error` is what went wrong, if anything did."""

    program: int
    procedure: int
    is_reply: bool
    serial: int
    payload: bytes
    error: str | None = None


def call(procedure: int, serial: int, payload: bytes = b"", program: int = REMOTE) -> bytes:
    """A call, its length in front."""
    body = _HEADER.pack(program, 1, procedure, _CALL, serial, _OK) + payload
    return struct.pack(">I", len(body) + 4) + body


def length(first: bytes) -> int:
    """How many bytes follow the first four of a message. Raises `Malformed`."""
    whole = int.from_bytes(first, "big")
    if not _HEADER.size + 4 <= whole <= LARGEST:
        raise Malformed(f"a message of {whole} bytes")
    return whole - 4


def parse(body: bytes) -> Message:
    """A message without its length. Raises `Malformed`."""
    if len(body) < _HEADER.size:
        raise Malformed("a message without a header")
    program, _, procedure, kind, serial, status = _HEADER.unpack_from(body)
    payload = body[_HEADER.size :]
    error = _error(Reader(payload)) if status == _ERROR else None
    return Message(program, procedure, kind == _REPLY, serial, payload, error)


class Reader:
    """A payload read from its front. Each method raises `Malformed` where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        """An unsigned number of four bytes."""
        return int.from_bytes(self._next(4), "big")

    def text(self) -> str:
        """A text."""
        return self.opaque().decode("utf-8", "replace")

    def opaque(self) -> bytes:
        """Bytes, with their padding."""
        size = self.number()
        found = self._next(size)
        self._next(-size % 4)
        return found

    def wide(self) -> bytes:
        """Bytes that take four bytes each."""
        size = self.number()
        return self._next(4 * size)[3::4]

    def _next(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise Malformed("a message that ends too early")
        self._at += size
        return self._data[self._at - size : self._at]


def authentications(payload: bytes) -> tuple[str, ...]:
    """What a client has to prove itself by. Raises `Malformed`."""
    reader = Reader(payload)
    count = reader.number()
    if count > _MOST_AUTHENTICATIONS:
        raise Malformed(f"a list of {count} ways to log in")
    numbers = [reader.number() for _ in range(count)]
    return tuple(AUTHENTICATIONS.get(each, f"number {each}") for each in numbers)


def opening(name: str, flags: int) -> bytes:
    """The arguments of opening a connection to the driver of this name."""
    return struct.pack(">I", 1) + text(name) + struct.pack(">I", flags)


def text(of: str) -> bytes:
    """A text."""
    data = of.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def wide(data: bytes) -> bytes:
    """Bytes that take four bytes each, after whether there are any."""
    return struct.pack(">II", 0, len(data)) + b"".join(bytes((0, 0, 0, each)) for each in data)


def _error(reader: Reader) -> str:
    """What an error says, on one line."""
    reader.number()
    reader.number()
    said = reader.text() if reader.number() else ""
    return " ".join(said.split()) or "an error without words"
