"""Every record of audit logs into Parquet, only what is new since the last time.

Two windows are worked on at once, and what is done is committed in the order of the log.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl
from polars.exceptions import PolarsError

from virtwarden.complaint import Complaint
from virtwarden.events.columns.records import records_of
from virtwarden.events.columns.store import Known, Move, Place, Store, opened
from virtwarden.events.columns.windows import WINDOW, Reading, Tail, Window
from virtwarden.events.logs import STDIN, Log, find
from virtwarden.events.model import Skipped

_WORKERS = 2


class Imported(msgspec.Struct):
    """What an import added. `unknown` are lines that are no audit records; they are kept, without a type. `shorter` are
    logs of which more was read before than they hold now. `waiting` are logs whose last line has no end yet and is left
    for the next import, `unended` those whose last line was taken without one, as no more of them can come."""

    records: int = 0
    unknown: int = 0
    bytes: int = 0
    shorter: list[str] = msgspec.field(default_factory=list)
    waiting: list[str] = msgspec.field(default_factory=list)
    unended: list[str] = msgspec.field(default_factory=list)

    def note(self, log: Log, tail: Tail) -> None:
        """Note what became of a log's last line."""
        if tail is not Tail.NONE:
            (self.waiting if tail is Tail.WAITS else self.unended).append(log.path)


def import_logs(
    folder: Path, paths: Iterable[str], skipped: Skipped, host: str | None = None, window: int = WINDOW
) -> Imported:
    """Read what is new. `host` names the machine where records have no node; `window` is how many bytes are worked on
    at a time. Raises `Complaint`."""
    logs = find(paths)
    told = Imported()
    with opened(folder) as store, ThreadPoolExecutor(_WORKERS) as pool:
        batches = _Batches(store, pool, told)
        for log in logs:
            with Reading(log, skipped, window) as reading:
                if _is_read(log, reading, batches, host):
                    told.note(log, reading.tail)
                    continue
            if log.path == STDIN:
                raise Complaint(
                    "standard input begins like a log that was read before and goes on otherwise; put it into a file"
                )
            with Reading(log, skipped, window) as reading:
                batches.take(reading, store.add(_digest(reading.first_line())), host or log.host)
                told.note(log, reading.tail)
        batches.finish()
    return told


def _is_read(log: Log, reading: Reading, batches: _Batches, host: str | None) -> bool:
    """Whether all of a log is read; not if it begins like others that it is none of, and is to be read anew."""
    store = batches.store
    if store.holds(reading.file):
        return True
    first = reading.first_line()
    if not first:
        return True
    alike = sorted(store.known(_digest(first)), key=lambda known: known.place.bytes - known.place.tail_size)
    for known in alike:
        goes_on = reading.goes_on(known.place)
        if goes_on is None:
            batches.told.shorter.append(log.path)
            return True
        if goes_on:
            batches.take(reading, known, host or log.host)
            return True
    if not alike:
        batches.take(reading, store.add(_digest(first)), host or log.host)
    return not alike


class _Batch(NamedTuple):
    known: Known
    place: Place
    work: Future[_Written] | None


class _Written(NamedTuple):
    moves: list[Move]
    records: int
    unknown: int


class _Batches:
    """Windows on their way into the folder, a few at a time."""

    def __init__(self, store: Store, pool: ThreadPoolExecutor, told: Imported) -> None:
        self.store = store
        self.told = told
        self._pool = pool
        self._waiting: deque[_Batch] = deque()

    def take(self, reading: Reading, known: Known, host: str) -> None:
        """Read what stands behind the place up to which the log is known."""
        place = known.place
        for window in reading.windows(place):
            self.told.bytes += window.place.bytes - place.bytes
            place = window.place
            work = self._pool.submit(_write, self.store, known.name, window, host or None)
            self._put(_Batch(known, place, work))
        if reading.file is not None:
            self._put(_Batch(known, msgspec.structs.replace(place, file=reading.file), None))

    def finish(self) -> None:
        """Wait for all, and note it."""
        while self._waiting:
            self._commit(self._waiting.popleft())
        self.store.commit([])

    def _put(self, batch: _Batch) -> None:
        self._waiting.append(batch)
        while len(self._waiting) > _WORKERS:
            self._commit(self._waiting.popleft())

    def _commit(self, batch: _Batch) -> None:
        written = batch.work.result() if batch.work is not None else None
        batch.known.place = batch.place
        if written is not None:
            self.store.commit(written.moves)
            self.told.records += written.records
            self.told.unknown += written.unknown


def _write(store: Store, log: str, window: Window, host: str | None) -> _Written:
    records = records_of(window.lines, host)
    moves: list[Move] = []
    for (node, day), part in _by_folder(records):
        path, move = store.new(node, day, f"{log}-{window.first_line:012d}")
        try:
            part.write_parquet(path, compression="zstd", compression_level=1, statistics=False)
        except PolarsError as wrong:
            raise Complaint(f"{path} cannot be written: {wrong}") from None
        _sync(path)
        moves.append(move)
    return _Written(moves, records.height, records["type"].null_count())


def _by_folder(records: pl.DataFrame) -> list[tuple[tuple[str | None, str | None], pl.DataFrame]]:
    """The records by host and by day in UTC; nearly always all are of one."""
    if not records.height:
        return []
    hosts, days = records["host"], records["time"]
    first, last = (edge if isinstance(edge, datetime) else None for edge in (days.min(), days.max()))
    if first and last and first.date() == last.date() and not days.has_nulls() and _is_one(hosts):
        return [((hosts[0], str(first.date())), records)]
    day = pl.col("time").dt.date().cast(pl.String).alias("day")
    parts = records.with_columns(day).partition_by(["host", "day"], as_dict=True, include_key=True)
    return [((str(key[0]) if key[0] else None, key[1]), part.drop("day")) for key, part in parts.items()]


def _is_one(hosts: pl.Series) -> bool:
    return hosts.null_count() in (0, len(hosts)) and hosts.min() == hosts.max()


def _digest(line: bytes) -> str:
    return sha256(line).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
