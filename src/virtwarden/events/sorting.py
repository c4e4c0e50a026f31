"""Sessions in the order in which they began, however many there are: beyond some megabytes they wait on disk, in a file
that nobody else can open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from virtwarden.events.model import Session

_T = TypeVar("_T")
_AT_ONCE = 24_000_000
"""Bytes, roughly."""
_OTHERS = 1_000  # what anything but a text takes, roughly

Key = tuple[int, int, str, str, int]


def by_start(sessions: Iterable[Session], kept: Callable[[Session], _T]) -> Iterator[_T]:
    """What is kept of each session, sorted: what began before the log comes first, then by start, host and guest."""
    held: list[tuple[Key, _T]] = []
    stored: list[Iterator[tuple[Key, _T]]] = []
    size = 0
    for number, session in enumerate(sessions):
        piece = kept(session)
        started = -1 if session.started is None else session.started
        held.append(((started, session.ended or 0, session.host, session.guest, number), piece))
        size += len(piece) + 200 if isinstance(piece, str) else _OTHERS
        if size > _AT_ONCE:
            held.sort(key=_key)
            stored.append(_stored(held))
            held, size = [], 0
    held.sort(key=_key)
    if not stored:
        return (piece for _, piece in held)
    from heapq import merge  # noqa: PLC0415  # few logs have so many sessions

    return (piece for _, piece in merge(*stored, held, key=_key))


def _key(pair: tuple[Key, object]) -> Key:
    return pair[0]


def _stored(held: list[tuple[Key, _T]]) -> Iterator[tuple[Key, _T]]:
    import pickle  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it has been read
    packer = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    for pair in held:
        packer.dump(pair)
        packer.clear_memo()
    file.seek(0)

    def read(count: int) -> Iterator[tuple[Key, _T]]:
        with file:
            for _ in range(count):
                yield pickle.load(file)  # noqa: S301  # our own, and nobody else's

    return read(len(held))
