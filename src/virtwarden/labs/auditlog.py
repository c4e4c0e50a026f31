"""The audit log from a moment on, across rotations, and our own voice in it.

Records reach the log in the order in which they came to be. So once a record that we sent has arrived, everything
done before it has arrived too, or never will: nothing has to be waited for in vain. Where our own does not arrive
within `PATIENCE` seconds, we are deaf, and whatever is missing proves nothing.
"""

from __future__ import annotations

import os
import secrets
import stat
import time

from virtwarden.host import Absent, Unknown
from virtwarden.lab import PREFIX, Deaf
from virtwarden.sources.process import run

PATIENCE = 10.0
_PAUSE = 0.005
_CHUNK = 1 << 20
_MOST = 1 << 28


class AuditLog:
    """A log that is followed from where it ends now; a context manager. Raises `Deaf` where it cannot be read."""

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._rest = b""
        self._descriptor = _opened(path)
        os.lseek(self._descriptor, 0, os.SEEK_END)  # what stands in it already is nothing of ours

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def heard(self) -> tuple[str, ...]:
        """The lines up to our own record, which is sent now. Raises `Deaf`."""
        token = f"{PREFIX}{secrets.token_hex(8)}"
        _say(token)
        mark, lines, size = token.encode(), list[bytes](), 0
        deadline = time.monotonic() + self._patience
        while True:
            for line in self._more():
                lines.append(line)
                size += len(line)
                if mark in line and b"text=" in line:
                    return tuple(each.decode("utf-8", "surrogateescape") for each in lines)
            if time.monotonic() > deadline or size > _MOST:
                raise Deaf(f"a record of our own did not arrive in {self._path} within {self._patience:g} s")
            time.sleep(_PAUSE)

    def _more(self) -> list[bytes]:
        """The whole lines that came since; where the log was turned over, the old file is read to its end first."""
        turned = self._is_turned_over()  # asked before the reading: nothing is written to the old file afterwards
        data = self._rest
        while chunk := os.read(self._descriptor, _CHUNK):
            data += chunk
        *lines, self._rest = data.split(b"\n")
        if turned:
            following = _opened(self._path)
            os.close(self._descriptor)
            self._descriptor = following
        return lines

    def _is_turned_over(self) -> bool:
        try:
            now = os.stat(self._path)
        except OSError:
            return False  # between the two steps of a rotation
        ours = os.fstat(self._descriptor)
        return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)


def _opened(path: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as refused:
        raise Deaf(f"the audit log {path} cannot be read: {(refused.strerror or str(refused)).lower()}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Deaf(f"the audit log {path} is not a regular file")
    return descriptor


def _say(token: str) -> None:
    try:
        output = run(("auditctl", "-m", token))
    except (Absent, Unknown) as refused:
        raise Deaf(str(refused)) from None
    if output.code != 0:
        raise Deaf(f"the kernel takes no record from us: {output.cite().text}")
