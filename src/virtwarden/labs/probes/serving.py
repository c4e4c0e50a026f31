"""The way to where TLS begins at a port, whatever is spoken there, and what is served then."""

from __future__ import annotations

import struct

from virtwarden.lab import Endpoint, Impossible, Served, Speech
from virtwarden.labs.probes import rfb
from virtwarden.labs.probes.tls import served_on
from virtwarden.labs.probes.wire import PATIENCE, Cut, Wire, dial

_NBD_MAGIC, _NBD_OPTION, _NBD_REPLY = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
_NBD_TLS, _NBD_TAKEN, _NBD_NEWSTYLE = 5, 1, 1


def to_tls(at: Endpoint, speech: Speech, patience: float = PATIENCE) -> Wire:
    """Connect, and go on to where TLS begins. Raises `Cut`."""
    wire = dial(at, patience)
    try:
        if speech == "vnc":
            rfb.opening(wire)
        elif speech == "nbd":
            _ask_nbd(wire)
    except BaseException:
        wire.socket.close()
        raise
    return wire


def served(address: str, port: int, starttls: Speech = "libvirt", patience: float = PATIENCE) -> Served:
    """The certificates that are served there, with the version and cipher agreed on, to a client that shows none.

    `patience` is in seconds. Raises `Impossible` with the reason where none are.
    """
    where = Endpoint(address, port)
    try:
        with to_tls(where, starttls, patience) as wire:
            return served_on(wire)
    except Cut as cut:
        raise Impossible(f"{where} serves no certificate: {cut}") from None


def _ask_nbd(wire: Wire) -> None:
    """The NBD protocol's way to TLS: newstyle, the option NBD_OPT_STARTTLS."""
    if wire.take(16) != _NBD_MAGIC + _NBD_OPTION:
        raise Cut("it is not NBD that speaks there")
    flags = int.from_bytes(wire.take(2), "big")
    wire.send(struct.pack(">I", flags & _NBD_NEWSTYLE) + _NBD_OPTION + struct.pack(">II", _NBD_TLS, 0))
    magic, option, kind, size = struct.unpack(">QIII", wire.take(20))
    if (magic, option, kind, size) != (_NBD_REPLY, _NBD_TLS, _NBD_TAKEN, 0):
        raise Cut("it offers no TLS")
