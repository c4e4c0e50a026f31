"""Records laid out as logs once more, so that what follows from them can be derived as from any log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from virtwarden.events.logs import Log

_CHUNK = 1 << 20


class Laid:
    """Records in files of a directory of their own, a file for each stretch of records whose log is of one host."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._last: BinaryIO | None = None
        self.logs: list[Log] = []
        self.size = 0

    def add(self, host: str, records: bytes) -> None:
        """Lay down the next records; `host` is the machine that their log is said to be of."""
        if self._last is None or self.logs[-1].host != host:
            self.close()
            path = self._folder / f"{len(self.logs):06}.log"
            self._last = path.open("xb")
            self.logs.append(Log(str(path), host))
        self._last.write(records)
        self.size += len(records)

    def close(self) -> None:
        """Have all that was laid down on disk, so that it can be read."""
        if self._last is not None:
            self._last.close()
            self._last = None

    def chunks(self) -> Iterator[bytes]:
        """All records, in the order in which they were laid down."""
        for log in self.logs:
            with open(log.path, "rb") as file:
                while piece := file.read(_CHUNK):
                    yield piece
