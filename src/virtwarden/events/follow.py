"""Follows logs that are being written, over rotation, and tells the events in them as they come.

A file that is renamed and begun anew is read to its end first, and so are those that were begun and renamed since; one
that is cut to nothing is begun again; one that is missing for a while is waited for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from virtwarden.events import Following
from virtwarden.events.blocks import BLOCK, LONGEST, Around, windows
from virtwarden.events.logs import STDIN, Log, LogError, find
from virtwarden.events.marks import GUESTS, lines, searching
from virtwarden.events.model import Event, Skipped

PAUSE = 0.2
"""Seconds between looks at a file."""
QUIET = 1.0
"""Seconds without a line after which no further record of an event is waited for."""
LATEST = 5.0
"""Seconds after which events are told although lines come on and on."""

_LIVE = "audit.log"
_ROTATIONS = 50  # as far as rotated files are looked for


class Tail:
    """The lines of one file, as they are written. `history` is how far the file went when following began."""

    def __init__(self, path: str, skipped: Skipped) -> None:
        self.path = path
        self.history = 0
        self._skipped = skipped
        self._file: int | None = None
        self._at = 0
        self._begun = b""  # of a line that is not whole yet
        self._skipping = False  # the rest of a line that is too long
        self._open()
        if self._file is not None:
            self.history = os.fstat(self._file).st_size

    @property
    def is_in_history(self) -> bool:
        """Whether what comes next was there when following began."""
        return self._at < self.history

    def lines(self) -> list[bytes]:
        """The next whole lines; none where there is nothing new. Raises `LogError`."""
        try:
            return self._next()
        except OSError as refused:
            raise LogError(f"{self.path} cannot be read: {refused.strerror}") from None

    def close(self) -> None:
        """Look no further."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _next(self) -> list[bytes]:
        if self._file is None and not self._open():
            return []
        assert self._file is not None
        if os.fstat(self._file).st_size < self._at:  # cut to nothing
            self._begin_again()
        piece = self._piece()
        if piece:
            return self._whole(piece)
        following = self._renamed(os.fstat(self._file).st_ino)
        if following is None:
            self.history = min(self.history, self._at)  # it may have been cut since it was opened
            return []
        piece = self._piece()  # what was written between the last look and the renaming
        if piece:
            os.close(following)
            return self._whole(piece)
        torn = self._begin_again()
        self.close()
        self._file = following
        return torn

    def _piece(self) -> bytes:
        """What comes next: never history and what comes behind it together."""
        assert self._file is not None
        length = min(BLOCK, self.history - self._at) if self.is_in_history else BLOCK
        piece = os.pread(self._file, length, self._at)
        self._at += len(piece)
        return piece

    def _whole(self, piece: bytes) -> list[bytes]:
        if self._skipping:
            piece = self._behind_what_is_skipped(piece)
        whole, newline, begun = piece.rpartition(b"\n")
        found = (self._begun + whole).split(b"\n") if newline else []
        self._begun = begun if newline else self._begun + begun
        too_long = [line for line in (*found, self._begun) if len(line) > LONGEST]
        if not too_long:
            return found
        self._skipped.too_long += len(too_long)
        self._skipped.bytes += sum(map(len, too_long))
        if len(self._begun) > LONGEST:
            self._begun, self._skipping = b"", True
        return [line for line in found if len(line) <= LONGEST]

    def _behind_what_is_skipped(self, piece: bytes) -> bytes:
        rest, newline, behind = piece.partition(b"\n")
        self._skipped.bytes += len(rest)
        self._skipping = not newline
        return behind

    def _begin_again(self) -> list[bytes]:
        """Nothing more comes of what was read; its last line, if that has no end."""
        self._at = self.history = 0
        self._skipping = False
        begun, self._begun = self._begun, b""
        self._skipped.torn += bool(begun)
        return [begun] if begun else []

    def _open(self) -> bool:
        with suppress(FileNotFoundError):
            self._file = self._opened(self.path)
        return self._file is not None

    def _opened(self, path: str) -> int:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as refused:
            raise LogError(f"{path} cannot be read: {refused.strerror}") from None

    def _renamed(self, inode: int) -> int | None:
        """The file that was written to after the one that is read, opened; None where that is the one that is written
        to, or nothing was written to another yet. It may itself have been renamed meanwhile."""
        newer: list[tuple[str, int]] = []
        for name in (self.path, *(f"{self.path}.{number}" for number in range(1, _ROTATIONS))):
            with suppress(FileNotFoundError):
                found = os.stat(name)
                if found.st_ino == inode:
                    break
                if found.st_size:
                    newer.append((name, found.st_ino))
        else:
            newer = [each for each in newer if each[0] == self.path]
        return self._opened_as(*newer[-1]) if newer else None

    def _opened_as(self, name: str, inode: int) -> int | None:
        """The file, if it has not been renamed just now; then the next look finds it."""
        with suppress(FileNotFoundError):
            file = self._opened(name)
            if os.fstat(file).st_ino == inode:
                return file
            os.close(file)
        return None


def follow(
    tails: Sequence[tuple[Tail, str]], told: Following, pause: Callable[[float], None], clock: Callable[[], float]
) -> Iterator[Event]:
    """The events of files from where their history ends, without end. Each file comes with the host that its records
    are of where they name none. What was before is taken in, so that events find their sessions. Raises `LogError`."""
    for tail, host in tails:
        for _ in _history(tail, host, told):
            pass
    told.quiet()
    yield from _live(tails, told, pause, clock)


def follow_all(
    tails: Sequence[tuple[Tail, str]], told: Following, pause: Callable[[float], None], clock: Callable[[], float]
) -> Iterator[Event]:
    """The same, with the events that were there before. Raises `LogError`."""
    for tail, host in tails:
        yield from _history(tail, host, told)
    yield from told.quiet()
    yield from _live(tails, told, pause, clock)


def rotated(paths: Sequence[str]) -> tuple[list[Log], list[Log]]:
    """The files that are not written to any more, and those that are. Raises `LogError`."""
    older: list[Log] = []
    live: list[Log] = []
    for path in paths:
        if path == STDIN:
            raise LogError("standard input cannot be followed; name the file that is written to")
        if os.path.isdir(path):
            logs = [log for log in find([path]) if os.path.basename(log.path) != _LIVE]
            older += [Log(log.path, _host(path, paths)) for log in logs]
            live.append(Log(os.path.join(path, _LIVE), _host(path, paths)))
        else:
            live.append(Log(path, _host(os.path.dirname(os.path.abspath(path)), paths)))
    return older, live


def take_in(logs: Sequence[Log], told: Following, skipped: Skipped) -> Iterator[Event]:
    """The events of files that are not written to any more. Raises `LogError`."""
    for window in windows(logs, skipped, search=searching(GUESTS)):
        around = Around(window)
        for begin, end in lines(window, skipped):
            around.begin, around.end = begin, end
            yield from told.read(window.text[begin:end], window.host, around)


def _host(folder: str, paths: Sequence[str]) -> str:
    """Logs of several folders are of several hosts, named as the folders are."""
    return os.path.basename(os.path.abspath(folder)) if len(paths) > 1 else ""


def _history(tail: Tail, host: str, told: Following) -> Iterator[Event]:
    while tail.is_in_history:
        for line in tail.lines():
            yield from told.take(line, host)


def _live(
    tails: Sequence[tuple[Tail, str]], told: Following, pause: Callable[[float], None], clock: Callable[[], float]
) -> Iterator[Event]:
    last = settled = clock()
    while True:
        came = False
        for tail, host in tails:
            for line in tail.lines():
                came = True
                yield from told.take(line, host)
        now = clock()
        last = now if came else last
        latest = 2 * LATEST if came else LATEST  # better not between two lines that are being written
        if now - last >= QUIET or now - settled >= latest:
            yield from told.quiet()
            settled = now
        if not came:
            pause(PAUSE)
