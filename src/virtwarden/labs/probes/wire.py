"""A connection that neither a silent nor a slow peer can hold up, and that takes in no more than it was told to.

All that is said on it has one deadline together. What ends it is a `Cut`, which knows silence from a refusal.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from types import TracebackType
from typing import Self

from virtwarden.lab import Endpoint

PATIENCE = 5.0
"""Seconds for one conversation."""

_FAR = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN)


class Cut(Exception):
    """The conversation ended. `silent`: the peer did not answer in time, which is no refusal; `unheard`: there was not
    even a connection."""

    def __init__(self, why: str, *, silent: bool = False, unheard: bool = False) -> None:
        super().__init__(why)
        self.silent = silent
        self.unheard = unheard


class Wire:
    """One connection; a context manager."""

    def __init__(self, connected: socket.socket, patience: float = PATIENCE) -> None:
        self.socket = connected
        self._deadline = time.monotonic() + patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def hurry(self) -> float:
        """The seconds that are left, at least a trace of one. Raises `Cut` where none is."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Cut("no answer in time", silent=True)
        return left

    def send(self, data: bytes) -> None:
        """Say this. Raises `Cut`."""
        self.socket.settimeout(self.hurry())
        try:
            self.socket.sendall(data)
        except OSError as wrong:
            raise cut_by(wrong) from None

    def take(self, length: int) -> bytes:
        """Exactly so many bytes. Raises `Cut`."""
        held = bytearray()
        while len(held) < length:
            got = self._some(length - len(held))
            if not got:
                raise Cut("closed in the middle of an answer" if held else "closed without a word")
            held += got
        return bytes(held)

    def until(self, end: bytes, limit: int) -> bytes:
        """What comes up to `end`, which is taken too, `limit` bytes at most. Raises `Cut`."""
        held = bytearray()
        while not held.endswith(end):
            if len(held) >= limit:
                raise Cut(f"an answer of more than {limit} bytes")
            held += self.take(1)
        return bytes(held)

    def encrypt(self, context: ssl.SSLContext, name: str | None = None) -> ssl.SSLSocket:
        """Agree on TLS, by `name` where one is given, and go on in it. Raises `Cut`."""
        self.socket.settimeout(self.hurry())
        try:
            within = context.wrap_socket(self.socket, server_hostname=name, do_handshake_on_connect=False)
            self.socket = within
            within.do_handshake()
        except (OSError, ValueError) as wrong:
            raise cut_by(wrong) from None
        return within

    def _some(self, most: int) -> bytes:
        self.socket.settimeout(self.hurry())
        try:
            return self.socket.recv(most)
        except OSError as wrong:
            raise cut_by(wrong) from None


def dial(to: Endpoint, patience: float = PATIENCE) -> Wire:
    """Connect. Raises `Cut` with `unheard` where that is not possible."""
    try:
        if to.path:
            connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connected.settimeout(patience)
            try:
                connected.connect(to.path)
            except BaseException:
                connected.close()
                raise
        else:
            connected = socket.create_connection((to.address, to.port), patience)
    except (OSError, UnicodeError, OverflowError) as wrong:
        cut = cut_by(wrong)
        far = isinstance(wrong, OSError) and (wrong.errno in _FAR or isinstance(wrong, socket.gaierror))
        raise Cut(str(cut), silent=cut.silent or far, unheard=True) from None
    return Wire(connected, patience)


def cut_by(wrong: Exception) -> Cut:
    """What the system said, as the end of a conversation."""
    if isinstance(wrong, TimeoutError):
        return Cut("no answer in time", silent=True)
    if isinstance(wrong, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Cut("closed by the peer")
    if isinstance(wrong, ssl.SSLError):
        return Cut(_alert(wrong))
    if isinstance(wrong, OSError):
        return Cut((wrong.strerror or str(wrong)).lower())
    return Cut(str(wrong).partition("\n")[0] or type(wrong).__name__)


def _alert(wrong: ssl.SSLError) -> str:
    said = (wrong.reason or str(wrong)).lower().replace("_", " ")
    if "alert" in said:
        return f"the peer sent the TLS alert {said.partition('alert ')[2] or said}"
    return f"no TLS: {said}"
