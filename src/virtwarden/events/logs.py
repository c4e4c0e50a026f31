"""Which files make up a log, in which order.

auditd rotates by number (audit.log.4 is older than audit.log.1, audit.log is the newest); logrotate may compress what
was rotated, or name it by date.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable
from typing import BinaryIO, Protocol

from virtwarden.complaint import Complaint
from virtwarden.events.model import Skipped
from virtwarden.events.unpacking import LONGEST_MAGIC, Unpacked, unpacker

STDIN = "-"
_SUFFIX = re.compile(
    r"(?P<base>.*?)(?:[.-](?P<number>\d{1,4})|[.-](?P<date>\d{6,14}))?(?:\.(?:gz|xz|zst|lzma))?\Z", re.DOTALL
)
_STAMP = re.compile(rb"msg=audit\((\d{1,11})\.(\d{3}):")


class LogError(Complaint):
    """A log cannot be found or opened; the message is the one sentence that the user sees."""


class Source(Protocol):
    """Where the bytes of a log come from."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer as far as one read goes; 0 at the end. Raises OSError or what the decompressor raises."""


class Log:
    """One file of a log: `path` is `-` for standard input; `host` names the machine where records have no node."""

    __slots__ = ("host", "path")

    def __init__(self, path: str, host: str = "") -> None:
        self.path = path
        self.host = host

    def __repr__(self) -> str:
        return f"Log({self.path!r}, {self.host!r})"

    def open(self) -> BinaryIO:
        """The raw bytes. Raises `LogError`."""
        if self.path == STDIN:
            if sys.stdin is None:
                raise LogError("standard input is closed")
            return sys.stdin.buffer
        try:
            return open(self.path, "rb", buffering=0)
        except OSError as refused:
            raise LogError(f"{self.path or 'a file without a name'} cannot be read: {refused.strerror}") from None


def find(paths: Iterable[str]) -> list[Log]:
    """The files that the paths name, oldest first. A directory stands for the audit.log files in it; logs in several
    directories are taken to be of several machines, named as the directories are. Raises `LogError`."""
    files: list[str] = []
    for path in paths:
        files += _within(path) if os.path.isdir(path) else [path]
    files = list(dict.fromkeys(files))
    folders = {os.path.dirname(os.path.abspath(path)) for path in files if path != STDIN}
    ordered: list[Log] = []
    for folder, group in _grouped(files).items():
        host = os.path.basename(folder) if len(folders) > 1 and folder != STDIN else ""
        ordered += [Log(path, host) for path in group]
    return ordered


def _within(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError as refused:
        raise LogError(f"{folder} cannot be listed: {refused.strerror}") from None
    found = [os.path.join(folder, name) for name in names if name.startswith("audit.log")]
    if not found:
        raise LogError(f"there is no audit.log in {folder}; name the files that are to be read")
    return found


def _grouped(files: list[str]) -> dict[str, list[str]]:
    """The files by folder, in each the rotations of one log together, logs by when they begin."""
    folders: dict[str, dict[str, list[str]]] = {}
    for path in files:
        folder = STDIN if path == STDIN else os.path.dirname(os.path.abspath(path))
        folders.setdefault(folder, {}).setdefault(_suffix(path)[0], []).append(path)
    result: dict[str, list[str]] = {}
    for folder, bases in folders.items():
        rotations = [sorted(group, key=_age) for group in bases.values()]
        if len(rotations) > 1:
            rotations.sort(key=lambda group: begins(group[0]) or 0)
        result[folder] = [path for group in rotations for path in group]
    return result


def _suffix(path: str) -> tuple[str, str | None, str | None]:
    found = _SUFFIX.match(os.path.basename(path))
    assert found is not None
    return found["base"], found["number"], found["date"]


def _age(path: str) -> tuple[int, int]:
    _, number, date = _suffix(path)
    if date is not None:
        return 0, int(date)
    return (2, 0) if number is None else (1, -int(number))


def begins(path: str) -> int | None:
    """When the first record of a file was written, in milliseconds; None where that cannot be told."""
    if path == STDIN:
        return None
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None  # reading from a pipe would take from it
        log = Log(path)
        with log.open() as raw:
            head, held, source = bytearray(65536), 0, opened(raw, Skipped(), path)
            while held < len(head) and (got := source.readinto(memoryview(head)[held:])):
                held += got
    except (OSError, Complaint):
        return None  # told loudly when it is read in earnest
    found = _STAMP.search(head, 0, held)
    return int(found[1]) * 1000 + int(found[2]) if found else None


def opened(raw: BinaryIO, skipped: Skipped, name: str) -> Source:
    """The bytes of a file as they were before compression."""
    first = _Pushed(raw)
    packed = unpacker(first.peek(LONGEST_MAGIC))
    return first if packed is None else Unpacked(first.read, *packed, name, skipped)


class _Pushed:
    """A raw file whose first bytes were looked at."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._held = b""
        self._readinto = getattr(raw, "readinto1", None) or raw.readinto  # type: ignore[attr-defined]

    def peek(self, count: int) -> bytes:
        while len(self._held) < count and (more := self._raw.read(count - len(self._held))):
            self._held += more
        return self._held

    def readinto(self, buffer: memoryview) -> int | None:
        if not self._held:
            return self._readinto(buffer)  # type: ignore[no-any-return]
        held = self._held[: len(buffer)]
        buffer[: len(held)] = held
        self._held = self._held[len(held) :]
        return len(held)

    def read(self, count: int) -> bytes:
        """At most so many bytes; none at the end."""
        if not self._held:
            return self._raw.read(count)
        held, self._held = self._held[:count], self._held[count:]
        return held
