"""What killed runs left behind, found by its name and removed; and that no two runs disturb each other."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from virtwarden.lab import PREFIX, Impossible

_FILE = re.compile(re.escape(PREFIX) + r"[0-9a-f]{16}")


@contextmanager
def alone(places: str) -> Iterator[None]:
    """Be the only proof that runs on this host. Raises `Impossible` where another one does."""
    try:
        descriptor = os.open(
            f"{places}/{PREFIX}lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except OSError as refused:
        raise Impossible(f"{places} cannot be written to: {(refused.strerror or str(refused)).lower()}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Impossible("another proof runs on this host") from None
    finally:
        os.close(descriptor)


def sweep(places: str, directories: Iterable[str]) -> tuple[str, ...]:
    """Remove our own empty files from these directories, and our own directories from `places`; what was removed."""
    removed: list[str] = []
    for directory in sorted(set(directories)):
        for name in _names(directory):
            path = Path(directory, name)
            if _FILE.fullmatch(name) and _is_ours(path):
                path.unlink(missing_ok=True)
                removed.append(str(path))
    for name in _names(places):
        path = Path(places, name)
        if (
            name.startswith(PREFIX)
            and path.is_dir()
            and not path.is_symlink()
            and path.stat().st_uid == os.geteuid()
        ):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(str(path))
    return tuple(removed)


def _names(directory: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(directory)
    return []


def _is_ours(path: Path) -> bool:
    """A regular file of ours; what QEMU made under such a name is small too."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_size <= 1 << 16
    return False
