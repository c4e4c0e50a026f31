"""Records laid out as logs once more, so that what follows from them can be derived as from any log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from virtwarden.events.logs import Log

_CHUNK = 1 << 20
_BEFORE = b"\n"
"""An empty line in the place of what stood before the first record: being the first of a log would mean something."""


class Source(NamedTuple):
    """Where records are from: the place of a log among its sources, and the machine that it is said to be of."""

    number: int
    host: str


class Laid:
    """Records in files of a directory of their own, a file for each source."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._last: BinaryIO | None = None
        self._source: Source | None = None
        self.logs: list[Log] = []
        self.size = 0

    def add(self, source: Source, offset: int, record: bytes) -> None:
        """Lay down the next record, which stands at this offset of its source."""
        if self._last is None or source != self._source:
            self.close()
            path = self._folder / f"{len(self.logs):06}.log"
            self._last, self._source = path.open("xb"), source
            self._last.write(_BEFORE if offset else b"")
            self.logs.append(Log(str(path), source.host))
        self._last.write(record)
        self.size += len(record)

    def close(self) -> None:
        """Have all that was laid down on disk, so that it can be read."""
        if self._last is not None:
            self._last.close()
            self._last = None

    def chunks(self) -> Iterator[bytes]:
        """All records, in the order in which they were laid down."""
        for log in self.logs:
            with open(log.path, "rb") as file:
                if file.read(len(_BEFORE)) != _BEFORE:
                    file.seek(0)
                while piece := file.read(_CHUNK):
                    yield piece
