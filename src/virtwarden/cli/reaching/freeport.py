"""Ports of this machine: one that is free, and whether somebody listens on one, without connecting to it."""

from __future__ import annotations

import socket

_TABLE = "/proc/net/tcp"
_LEAST = 1024


def free_port(wanted: int | None) -> int:
    """The wanted port of the loopback address if nobody has it, else any that is free."""
    for port in (wanted if wanted and wanted >= _LEAST else 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("no port is free")


def is_awaited(port: int) -> bool:
    """Whether somebody listens on this port of the loopback address."""
    from virtwarden.formats import sockets  # noqa: PLC0415  # not needed for help

    with open(_TABLE, encoding="ascii") as table:
        rows = sockets.proc_net(table.read(), "tcp")
    return any(row.port == port and row.state == "LISTEN" and row.is_loopback for row in rows)
