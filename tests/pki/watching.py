"""A watcher of a folder tree: which files appear in it, by any name and for however short, and with which mode.

inotify tells of every creation; a second thread asks for modes all the time.
"""

from __future__ import annotations

import ctypes
import os
import select
import stat
import struct
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_CREATED, _MOVED, _CHANGED = 0x100, 0x80, 0x4
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Watcher:
    """Watches a folder, and all folders that are made in it, while the context lasts."""

    def __init__(self, folder: Path) -> None:
        self.seen: dict[str, set[int]] = {}
        self._top = str(folder)
        self._watched: dict[int, str] = {}
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def open_to_others(self) -> list[str]:
        """Files that are or were readable by group or others, of those whose name says that they hold a key."""
        return sorted(
            name
            for name, modes in self.seen.items()
            if "key" in os.path.basename(name) and any(m & 0o077 for m in modes)
        )

    def __enter__(self) -> Self:
        self._add(self._top)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._take()
        os.close(self._descriptor)

    def _watch(self) -> None:
        while not self._done.is_set():
            select.select([self._descriptor], [], [], 0.002)
            self._take()
            self._look(self._top)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            while events := os.read(self._descriptor, 1 << 16):
                self._told(events)

    def _told(self, events: bytes) -> None:
        at = 0
        while at < len(events):
            watch, mask, _, length = _EVENT.unpack_from(events, at)
            name = events[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0").decode()
            at += _EVENT.size + length
            path = f"{self._watched.get(watch, self._top)}/{name}"
            self._note(path)
            if mask & (_CREATED | _MOVED) and os.path.isdir(path):
                self._add(path)

    def _look(self, folder: str) -> None:
        with suppress(OSError), os.scandir(folder) as found:
            for each in found:
                self._note(each.path)
                if each.is_dir(follow_symlinks=False):
                    self._look(each.path)

    def _add(self, folder: str) -> None:
        watch = _libc.inotify_add_watch(self._descriptor, folder.encode(), _CREATED | _MOVED | _CHANGED)
        self._watched[watch] = folder

    def _note(self, path: str) -> None:
        with suppress(OSError):
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode):
                self.seen.setdefault(path, set()).add(stat.S_IMODE(found.st_mode))
