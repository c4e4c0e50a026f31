"""What somebody who is nobody on this machine is let do: a process of its own with no rights tries it."""

from __future__ import annotations

import os
import pwd
import select
import signal
import socket
import time
from collections.abc import Callable

import msgspec

from virtwarden.lab import Impossible, Met

_NAME = "nobody"
_SLACK = 5.0
_LARGEST = 1 << 20


def by_nobody(deed: Callable[[], Met], patience: float) -> Met:
    """What came of it when nobody did it. Raises `Impossible`."""
    if os.geteuid() != 0:
        raise Impossible("only root can act as somebody who has no rights")
    try:
        number = pwd.getpwnam(_NAME)
    except KeyError:
        raise Impossible(f"this machine has no user {_NAME}") from None
    _load()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _become(number.pw_uid, number.pw_gid)
            os.write(writing, msgspec.json.encode(_done(deed)))
        finally:
            os._exit(0)
    os.close(writing)
    try:
        said = _heard(reading, patience + _SLACK)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return _understood(said)


def _load() -> None:
    """What Python loads only when it is needed, while its files can be read for sure."""
    socket.getaddrinfo("127.0.0.1", 0)
    "localhost".encode("idna")


def _become(user: int, group: int) -> None:
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


def _done(deed: Callable[[], Met]) -> Met | str:
    try:
        return deed()
    except Impossible as why:
        return str(why)


def _heard(reading: int, patience: float) -> bytes:
    held, deadline = bytearray(), time.monotonic() + patience
    while len(held) < _LARGEST:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        got = os.read(reading, _LARGEST) if ready else b""
        if not got:
            break
        held += got
    return bytes(held)


def _understood(said: bytes) -> Met:
    try:
        found = msgspec.json.decode(said, type=Met | str)
    except msgspec.DecodeError:
        raise Impossible("the process that should be nobody failed") from None
    if isinstance(found, str):
        raise Impossible(found)
    return found
