"""The file that an answer is written to: whole or not at all, for its owner alone, and never in the place of what is no
file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from virtwarden.complaint import Complaint

STDOUT = "-"


@contextmanager
def replacing(path: str) -> Iterator[Path]:
    """An empty file beside the one that is meant, whose place it takes when all went well. A link stays a link.
    Raises `Complaint`."""
    _require_file(path)
    target = Path(os.path.realpath(path))
    new = Path(f"{target}.{os.getpid()}.new")
    try:
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except OSError as refused:
        raise Complaint(f"{path} cannot be written: {refused.strerror}") from None
    try:
        yield new
        _require_file(path)  # it may have come to be meanwhile
        new.replace(target)
    except OSError as refused:
        raise Complaint(f"{path} cannot be written: {refused.strerror or refused}") from None
    finally:
        with suppress(FileNotFoundError):
            new.unlink()


def _require_file(path: str) -> None:
    if path == STDOUT:
        raise Complaint("Parquet cannot be written to standard output; name a file (./- is one of that name)")
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as refused:
        raise Complaint(f"{path} cannot be written: {refused.strerror}") from None
    if stat.S_ISDIR(mode):
        raise Complaint(f"{path} is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise Complaint(f"{path} is no regular file and is left as it is; name another")
