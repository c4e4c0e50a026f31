"""Where a report goes: to standard output, or whole into a file or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from virtwarden.cli import UsageError


def deliver(pieces: Iterable[str], path: str | None) -> None:
    """Write the pieces to standard output, or to a file that is replaced only once all of them are in."""
    if path is None:
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
        return
    try:
        _replace(pieces, Path(path))
    except OSError as wrong:
        raise UsageError(f"cannot write {path}: {wrong.strerror}") from None


def _replace(pieces: Iterable[str], path: Path) -> None:
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="") as device:
            device.writelines(pieces)
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
