"""From when to when a log goes: the stamps of its first and its last record, without reading what is between."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from virtwarden.events.logs import STDIN, Log, begins

_TAIL = 1 << 18
_STAMP = re.compile(rb"msg=audit\((\d{1,12})\.(\d{3}):")


def extent(logs: Iterable[Log]) -> tuple[int | None, int | None]:
    """The earliest beginning and the latest end of files, in milliseconds, as far as they can be told without reading
    them: not of standard input, and of compressed files only the beginning."""
    files = [log.path for log in logs if log.path != STDIN]
    first = [when for path in files if (when := begins(path))]
    last = [when for path in files if (when := _ends(path))]
    return min(first, default=None), max(last, default=None)


def _ends(path: str) -> int:
    """When the last record of a plain file was written; 0 where that cannot be told."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return 0
        with open(path, "rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
            stamps = _STAMP.findall(file.read(_TAIL))
    except OSError:
        return 0  # told loudly when it is read in earnest
    return max((int(seconds) * 1000 + int(millis) for seconds, millis in stamps[-1:]), default=0)
