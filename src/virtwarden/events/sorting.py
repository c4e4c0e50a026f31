"""Sessions in the order in which they began, however many there are: beyond some tens of thousands they wait on disk,
in a file that nobody else can open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from virtwarden.events.model import Session

_AT_ONCE = 20_000


def by_start(sessions: Iterable[Session]) -> Iterator[Session]:
    """The sessions sorted: what began before the log comes first, then by start, host and guest."""
    held: list[Session] = []
    stored: list[Iterator[Session]] = []
    for session in sessions:
        held.append(session)
        if len(held) >= _AT_ONCE:
            stored.append(_stored(sorted(held, key=_began)))
            held.clear()
    held.sort(key=_began)
    if not stored:
        return iter(held)
    from heapq import merge  # noqa: PLC0415  # few logs have so many sessions

    return merge(*stored, held, key=_began)


def _began(session: Session) -> tuple[int, int, str, str]:
    started = -1 if session.started is None else session.started
    return started, session.ended or 0, session.host, session.guest


def _stored(sessions: list[Session]) -> Iterator[Session]:
    import pickle  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it has been read
    packer = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    for session in sessions:
        packer.dump(session)
        packer.clear_memo()
    file.seek(0)

    def read() -> Iterator[Session]:
        with file:
            for _ in range(count):
                yield pickle.load(file)  # noqa: S301  # our own, and nobody else's

    count = len(sessions)
    return read()
