"""The kernel's audit rules and status by netlink: rules as the kernel itself keeps them, not as they are listed.

auditctl of some versions lists `exe!=` as `exe=`, so that what it lists cannot be loaded again safely. Sources:
the kernel's include/uapi/linux/audit.h and netlink.h.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from virtwarden.stores.images import StoreError

_NETLINK_AUDIT = 9
_HEADER = struct.Struct("=IHHII")
_STATUS = struct.Struct("=11I")
_ERROR = struct.Struct("=i")
_GET, _SET, _ADD, _DELETE, _LIST = 1000, 1001, 1011, 1012, 1013
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST, _ACK = 1, 4
_PATIENCE = 10.0
_FIELDS = ("mask", "enabled", "failure", "pid", "rate_limit", "backlog_limit", "lost", "backlog", "feature",
           "backlog_wait_time")  # fmt: skip
SETTABLE = {"enabled": 0x01, "failure": 0x02, "rate_limit": 0x08, "backlog_limit": 0x10, "backlog_wait_time": 0x20}


class Kernel:
    """A connection to the kernel's audit system. Every method raises `StoreError` where it refuses."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sequence = 0

    def status(self) -> dict[str, int]:
        """What can be set of its state, by name."""
        for kind, data in self._asked(_GET, b""):
            if kind == _GET:
                numbers = _STATUS.unpack(data[: _STATUS.size].ljust(_STATUS.size, b"\0"))
                told = dict(zip(_FIELDS, numbers, strict=False))
                return {name: told[name] for name in SETTABLE}
        raise StoreError("the kernel does not tell the state of its audit system")

    def set_status(self, wanted: dict[str, int]) -> None:
        """Set these parts of its state."""
        mask = 0
        for name in wanted:
            mask |= SETTABLE[name]
        values = [mask if name == "mask" else wanted.get(name, 0) for name in _FIELDS]
        self._do(_SET, _STATUS.pack(*values, 0))

    def rules(self) -> list[bytes]:
        """Its rules in their order."""
        return [data for kind, data in self._asked(_LIST, b"") if kind == _LIST]

    def add(self, rule: bytes) -> None:
        """Add a rule behind the others of its list."""
        self._do(_ADD, rule)

    def delete(self, rule: bytes) -> None:
        """Take a rule away."""
        self._do(_DELETE, rule)

    def _do(self, kind: int, data: bytes) -> None:
        for _ in self._asked(kind, data):
            pass

    def _asked(self, kind: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Ask; the answers to the end. The kernel answers a question after it has acknowledged it."""
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(data), kind, _REQUEST | _ACK, self._sequence, 0)
        try:
            self._socket.send(header + data)
            last = {_GET: _GET, _LIST: _NLMSG_DONE}.get(kind, _NLMSG_ERROR)
            while True:
                for answer, sequence, part in _messages(self._socket.recv(1 << 16)):
                    if sequence != self._sequence:
                        continue
                    if answer == _NLMSG_ERROR:
                        _refused(part)
                    yield answer, part
                    if answer == last:
                        return
        except OSError as error:
            raise StoreError(f"the kernel's audit system: {(error.strerror or str(error)).lower()}") from None


@contextmanager
def connected() -> Iterator[Kernel]:
    """Talk to the kernel. Raises `StoreError`."""
    try:
        connection = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_AUDIT)
    except OSError as error:
        raise StoreError(f"this kernel has no audit system: {(error.strerror or str(error)).lower()}") from None
    with connection:
        connection.settimeout(_PATIENCE)
        connection.connect((0, 0))
        yield Kernel(connection)


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, sequence, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _refused(part: bytes) -> None:
    code = -_ERROR.unpack_from(part)[0]
    if code:
        raise OSError(code, os.strerror(code))
