"""What is common to sources that can make system calls on the host's files: refusals, kinds, bounded reading."""

from __future__ import annotations

import errno
import os
import stat as mode_of
from collections.abc import Callable
from datetime import UTC, datetime

from virtwarden.host import Absent, Kind, Stat, Unknown

READ_LIMIT = 32 * 2**20
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESRCH}
_KINDS: tuple[tuple[Callable[[int], bool], Kind], ...] = (
    (mode_of.S_ISREG, "file"),
    (mode_of.S_ISDIR, "dir"),
    (mode_of.S_ISSOCK, "socket"),
    (mode_of.S_ISBLK, "block"),
    (mode_of.S_ISCHR, "char"),
    (mode_of.S_ISFIFO, "fifo"),
)
_NOT_READ: dict[Kind, str] = {
    "dir": "a directory has no text",
    "socket": "a socket has no text",
    "block": "a block device is not read as text",
    "char": "a character device is not opened",
    "fifo": "a named pipe is not opened",
    "other": "not a regular file",
}


def absolute(path: str) -> str:
    """The path itself; raises `Unknown` where it would depend on the directory we happen to be in."""
    if not path.startswith("/"):
        raise Unknown(f"{path!r} is not an absolute path")
    return path


def refusal(path: str, error: OSError | ValueError) -> Absent | Unknown:
    """What a failed system call says about the path: that there is nothing, or that it cannot be told."""
    if not isinstance(error, OSError):
        return Unknown(f"{path!r} cannot be a path: {error}")
    if error.errno in _GONE:
        return Absent(f"there is no {path}")
    return Unknown(f"{path}: {(error.strerror or str(error)).lower()}")


def kind_of(mode: int) -> Kind:
    """The kind of file that a mode word speaks of."""
    return next((kind for holds, kind in _KINDS if holds(mode)), "other")


def readable(path: str, kind: Kind, kinds: tuple[Kind, ...] = ("file",)) -> None:
    """Raises `Unknown` unless the path is of one of these kinds."""
    if kind not in kinds:
        raise Unknown(f"{path}: {_NOT_READ.get(kind, 'not a regular file')}")


def read_up_to(descriptor: int, length: int) -> bytes:
    """The first bytes behind a file descriptor, at most `length`."""
    chunks: list[bytes] = []
    left = length
    while left > 0:
        chunk = os.read(descriptor, min(left, 2**20))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def decoded(path: str, data: bytes, limit: int = READ_LIMIT) -> str:
    """The text of a file; raises `Unknown` where it is longer than what is read of a file."""
    if len(data) > limit:
        raise Unknown(f"{path}: longer than the {limit} bytes that are read of a file")
    return data.decode("utf-8", "surrogateescape")


def described(path: str, real: str, found: os.stat_result, names: tuple[str, str], label: str | None) -> Stat:
    """The answer to a stat, from the system call's; `names` are those of the owner and the group."""
    return Stat(
        path=path,
        real=real,
        kind=kind_of(found.st_mode),
        mode=mode_of.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        owner=names[0],
        group=names[1],
        size=found.st_size,
        links=found.st_nlink,
        inode=f"{found.st_dev}:{found.st_ino}",
        mtime=int(found.st_mtime),
        label=label,
        at=datetime.now(UTC),
    )


def label_of(path: str) -> str | None:
    """The raw SELinux context; None where there is none or it cannot be read."""
    try:
        raw = os.getxattr(path, "security.selinux")
    except OSError:
        return None
    return raw.rstrip(b"\0").decode("utf-8", "surrogateescape") or None
