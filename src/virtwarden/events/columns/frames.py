"""Sessions and events as lazy data frames and as Parquet files. Whatever the size of the log, only some thousands of
them are held at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from virtwarden import events
from virtwarden.complaint import Complaint
from virtwarden.events.columns.extra import needed
from virtwarden.events.columns.rows import Value, event_row, event_schema, session_row, session_schema
from virtwarden.events.columns.target import replacing
from virtwarden.events.logs import LogError
from virtwarden.events.model import Event, Session, Skipped

if TYPE_CHECKING:
    import polars as pl

_T = TypeVar("_T")
_AT_ONCE = 16_384


def sessions_frame(paths: Iterable[str], skipped: Skipped | None = None) -> pl.LazyFrame:
    """The sessions that the logs tell of; they are read when the frame is collected. Raises `Complaint`."""
    named, noted = list(paths), skipped or Skipped()
    return _lazy(lambda: events.sessions(named, noted), session_row, session_schema())


def events_frame(paths: Iterable[str], skipped: Skipped | None = None) -> pl.LazyFrame:
    """The events that the logs tell of; they are read when the frame is collected. Raises `Complaint`."""
    named, noted = list(paths), skipped or Skipped()
    return _lazy(lambda: events.events(named, noted), event_row, event_schema())


def sessions_to_parquet(sessions: Iterable[Session], path: str) -> None:
    """Write sessions into a Parquet file that only its owner can read. Raises `Complaint`."""
    _to_parquet(sessions, session_row, session_schema(), path)


def events_to_parquet(found: Iterable[Event], path: str) -> None:
    """Write events into a Parquet file that only its owner can read. Raises `Complaint`."""
    _to_parquet(found, event_row, event_schema(), path)


def _lazy(
    found: Callable[[], Iterable[_T]], row: Callable[[_T], tuple[Value, ...]], schema: pl.Schema
) -> pl.LazyFrame:
    polars = needed("polars")
    plugins = needed("polars.io.plugins")

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        each = iter(found())
        left = rows
        while batch := [row(one) for one in islice(each, size or _AT_ONCE)]:
            frame: pl.DataFrame = polars.DataFrame(batch, schema=schema, orient="row")
            if predicate is not None:
                frame = frame.filter(predicate)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame if columns is None else frame.select(columns)
            if left == 0:
                return

    lazy: pl.LazyFrame = plugins.register_io_source(frames, schema=schema)
    return lazy


def _to_parquet(found: Iterable[_T], row: Callable[[_T], tuple[Value, ...]], schema: pl.Schema, path: str) -> None:
    exceptions = needed("polars.exceptions")
    failed: list[Exception] = []
    with replacing(path) as new:
        try:
            frame = _lazy(lambda: _noting(found, failed), row, schema)
            frame.sink_parquet(new, compression="zstd", compression_level=3)
        except (OSError, exceptions.PolarsError) as wrong:
            if failed:
                raise _unreadable(failed[0]) from None
            raise Complaint(f"{path} cannot be written: {wrong}") from None


def _noting(found: Iterable[_T], failed: list[Exception]) -> Iterator[_T]:
    """The same, with what goes wrong in reading kept apart from what goes wrong in writing."""
    try:
        yield from found
    except Exception as wrong:
        failed.append(wrong)
        raise


def _unreadable(wrong: Exception) -> Exception:
    if isinstance(wrong, OSError):
        return LogError(f"{wrong.filename or 'the log'} cannot be read: {wrong.strerror or wrong}")
    return wrong
