"""Work that a thread does ahead of who waits for it, in a few buffers that go round."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Ahead(Generic[_T]):
    """A thread that fills buffers until there is nothing more to fill them with (None), or its user leaves. What goes
    wrong in it is raised where its results are waited for."""

    def __init__(self, fill: Callable[[mmap.mmap], _T | None], texts: Iterable[mmap.mmap]) -> None:
        self._fill = fill
        self._free: SimpleQueue[mmap.mmap | None] = SimpleQueue()
        self._full: SimpleQueue[_T | BaseException] = SimpleQueue()
        for text in texts:
            self._free.put(text)

    def __enter__(self) -> Ahead[_T]:
        Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._free.put(None)

    def next(self) -> _T:
        """The next result; asked for only as often as there are some."""
        result = self._full.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def give_back(self, text: mmap.mmap) -> None:
        """A buffer that can be filled again."""
        self._free.put(text)

    def _run(self) -> None:
        try:
            while (text := self._free.get()) is not None and (result := self._fill(text)) is not None:
                self._full.put(result)
        except BaseException as wrong:  # whoever waits must not wait for ever
            self._full.put(wrong)
