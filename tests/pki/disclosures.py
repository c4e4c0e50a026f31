"""Where a secret shows itself: in a file that others may read, however short, or in what a program was called with.

inotify tells of every file that is made, written, renamed or opened up below some folders; each is read at once, and
its mode is that of the very file that was read. Programs are looked for all the time.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_MADE, _MOVED, _TOUCHED, _WRITTEN, _CLOSED, _FOLDER = 0x100, 0x80, 0x4, 0x2, 0x8, 0x40000000
_EVENT = struct.Struct("iIII")
_LARGEST = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


def lines_of(key: str) -> list[bytes]:
    """The lines of a key, each of which alone is too much."""
    return [line.encode() for line in key.splitlines() if line and "-----" not in line]


class Disclosures:
    """Looks for the lines of keys below `folders`, in what is made in `tops` themselves, and in the programs that
    `processes`, a /proc, lists. A file may be read by its owner and by the groups of `group_ids`."""

    def __init__(
        self,
        folders: Iterable[Path],
        processes: Path,
        keys: Iterable[str],
        group_ids: Iterable[int] = (),
        tops: Iterable[Path] = (),
    ) -> None:
        self.found: set[str] = set()
        self.kept: set[str] = set()
        self._lines = [line for key in keys for line in lines_of(key)]
        self._groups = {0, *group_ids}
        self._folders, self._tops, self._processes = tuple(folders), tuple(tops), processes
        self._watched: dict[int, str] = {}
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._done = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._watch_files, self._watch_programs)]

    def __enter__(self) -> Self:
        for folder in self._folders:
            for directory, _, _ in os.walk(folder):
                self._listen(directory)
        for top in self._tops:
            self._listen(str(top))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._take()
        os.close(self._descriptor)

    # --- files -----------------------------------------------------------------------------------

    def _watch_files(self) -> None:
        while not self._done.is_set():
            select.select([self._descriptor], [], [], 0.01)
            self._take()

    def _take(self) -> None:
        with suppress(BlockingIOError):
            while events := os.read(self._descriptor, 1 << 16):
                at = 0
                while at < len(events):
                    watch, mask, _, length = _EVENT.unpack_from(events, at)
                    name = events[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
                    at += _EVENT.size + length
                    path = os.path.join(self._watched.get(watch, ""), os.fsdecode(name))
                    if mask & _FOLDER and mask & (_MADE | _MOVED):
                        self._add(path)
                    else:
                        self._look(path)

    def _add(self, folder: str) -> None:
        """Watch a new folder and all below it; what was put into it before it was watched is looked at."""
        self._listen(folder)
        with suppress(OSError):
            for each in list(os.scandir(folder)):
                if each.is_dir(follow_symlinks=False):
                    self._add(each.path)
                else:
                    self._look(each.path)

    def _listen(self, folder: str) -> None:
        mask = _MADE | _MOVED | _TOUCHED | _WRITTEN | _CLOSED
        self._watched[_libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask)] = folder

    def _look(self, path: str) -> None:
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                has = self._has_secret(file.read(_LARGEST))
                stat = os.fstat(descriptor)
            if not has:
                return
            open_to = stat.st_mode & 0o007 or (stat.st_mode & 0o070 and stat.st_gid not in self._groups)
            (self.found if open_to else self.kept).add(f"{path} {stat.st_mode & 0o7777:04o} {stat.st_gid}")

    # --- programs --------------------------------------------------------------------------------

    def _watch_programs(self) -> None:
        while not self._done.is_set():
            for name in os.listdir(self._processes):
                if name.isdecimal():
                    self._look_at_program(self._processes / name)
            time.sleep(0.004)

    def _look_at_program(self, process: Path) -> None:
        for what in ("cmdline", "environ"):
            with suppress(OSError):
                data = (process / what).read_bytes()
                if self._has_secret(data):
                    self.found.add(f"{what} of {data.partition(chr(0).encode())[0]!r}")

    def _has_secret(self, data: bytes) -> bool:
        return any(line in data for line in self._lines)
