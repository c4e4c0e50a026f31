"""Lines of a log that is being written, each given once what must be known of it has come: the other records of a
denial's event are written behind it, and so is the line that tells whether the daemon's start was that of the host.

What comes behind a line that waits, waits too, so that all are given in their order.
"""

from __future__ import annotations

import mmap
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from virtwarden.events.blocks import CONTEXT, Around, Window

_MOST = 200
"""How many lines may wait, and how many are remembered."""
_HEAD = 400
_AWAITING = re.compile(
    rb"((?:node=\S+ )?type=)(?:(?:USER_)?AVC|APPARMOR_\w+|ANOM_\w+|(DAEMON_START)) msg=audit(\([^()\s]{1,48}\))"
)
_LAST = b"type=PROCTITLE "


class _Awaited(NamedTuple):
    """What a line waits for."""

    node: bytes  # up to the type
    stamp: bytes
    is_daemon: bool
    is_of_guests: bool

    def has_come(self, line: bytes) -> bool:
        """Whether this line ends the waiting. Records of several events may stand among each other, so the last one
        of its own is waited for where it matters."""
        if self.is_daemon:
            return line.startswith(self.node) and not line.startswith(self.node + b"DAEMON_")
        if line.find(self.stamp, 0, _HEAD) < 0:
            return not self.is_of_guests
        return line.find(_LAST, 0, _HEAD) >= 0


class Coming:
    """The lines of one log: those that wait, and some of those before them."""

    __slots__ = ("_awaited", "_before", "_past", "_waiting", "_waits")

    def __init__(self) -> None:
        self._before: deque[bytes] = deque()
        self._past = 0
        self._waiting: deque[bytes] = deque()
        self._waits = 0
        self._awaited: _Awaited | None = None

    def put(self, line: bytes) -> Iterator[bytes]:
        """Take a line; those of which all is known by now. What stands around each can be asked for before the next."""
        self._waiting.append(line)
        self._waits += len(line)
        if self._awaited is None or self._is_full() or self._awaited.has_come(line):
            yield from self._known()

    def rest(self) -> Iterator[bytes]:
        """All that still wait."""
        self._awaited = None
        while self._waiting:
            yield self._next()

    def companions(self) -> list[bytes]:
        """The other records of the event that the line given last is a record of."""
        return self._around().companions()

    def neighbours(self) -> tuple[bytes, bytes]:
        """The lines before and behind it, of the same host, that are none of auditd's own."""
        return self._around().neighbours()

    def _known(self) -> Iterator[bytes]:
        while self._waiting:
            self._awaited = _awaited(self._waiting[0])
            if self._awaited is not None and not self._is_full():
                behind = islice(self._waiting, 1, None)
                if not any(map(self._awaited.has_come, behind)):
                    return
            yield self._next()
        self._awaited = None

    def _is_full(self) -> bool:
        return len(self._waiting) > _MOST or self._waits > CONTEXT

    def _next(self) -> bytes:
        line = self._waiting.popleft()
        self._waits -= len(line)
        self._before.append(line)
        self._past += len(line)
        while len(self._before) > _MOST or (self._past > CONTEXT and len(self._before) > 1):
            self._past -= len(self._before.popleft())
        return line

    def _around(self) -> Around:
        """The line given last among the others, as if all were a log."""
        behind = len(b"\n".join((b"", *self._waiting, b"")))
        whole = b"\n".join((*self._before, *self._waiting, b""))
        text = mmap.mmap(-1, len(whole))
        text[:] = whole
        around = Around(Window(text, 0, len(whole), len(whole), [], "", 0))
        around.end = len(whole) - behind
        around.begin = around.end - len(self._before[-1])
        return around


def _awaited(line: bytes) -> _Awaited | None:
    found = _AWAITING.match(line)
    if found is None:
        return None
    node, daemon, stamp = found.groups()
    return _Awaited(node, stamp, daemon is not None, b"virt" in line or b"qemu" in line)
