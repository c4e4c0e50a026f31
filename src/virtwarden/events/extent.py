"""From when to when a log goes: the stamps of its first and its last record, without reading what is between."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from virtwarden.events.logs import STDIN, Log, begins

_ENOUGH = 1 << 18
_STAMP = re.compile(rb"msg=audit\((\d{1,11})\.(\d{3}):")


def extent(logs: Iterable[Log]) -> tuple[int | None, int | None]:
    """The earliest beginning and the latest end of files, in milliseconds, as far as they can be told without reading
    them: nothing of standard input and pipes, and of compressed files only the beginning."""
    files = [log.path for log in logs if log.path != STDIN and _is_file(log.path)]
    first = [when for path in files if (when := begins(path)) is not None]
    last = [when for path in files for when in _stamps(_tail(path))[-1:]]
    return min(first, default=None), max(last, default=None)


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False  # told loudly when it is read in earnest


def _stamps(text: bytes) -> list[int]:
    return [int(seconds) * 1000 + int(millis) for seconds, millis in _STAMP.findall(text)]


def _tail(path: str) -> bytes:
    """The end of a file; a compressed one has no stamps in it that could be taken for some."""
    try:
        with open(path, "rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _ENOUGH, 0))
            return file.read(_ENOUGH)
    except OSError:
        return b""  # told loudly when it is read in earnest
