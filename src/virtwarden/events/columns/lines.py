"""The lines of a log again, out of the records that were imported, in the order in which they stood in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from virtwarden.events.columns.store import checkpoint_in, files_in


@contextmanager
def as_log(folder: Path) -> Iterator[str]:
    """A path from which the lines can be read once, as they are made."""
    reader, writer = os.pipe()
    failed: list[Exception] = []
    thread = threading.Thread(target=_write, args=(folder, writer, failed), daemon=True)
    thread.start()
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
        thread.join()
    if failed:
        raise failed[0]


def _write(folder: Path, writer: int, failed: list[Exception]) -> None:
    try:
        with os.fdopen(writer, "wb") as pipe:
            for text in lines(folder):
                pipe.write(text)
    except BrokenPipeError:
        pass  # nobody wants the rest
    except Exception as wrong:  # told where the lines are read
        failed.append(wrong)


def lines(folder: Path) -> Iterator[bytes]:
    """The records as text, those of one window of a log at a time. Raises `Complaint`."""
    windows: dict[str, list[Path]] = {}
    for file in files_in(folder):
        windows.setdefault(file.name, []).append(file)
    logs = {known.name: place for place, known in enumerate(checkpoint_in(folder).logs)}

    def order(name: str) -> tuple[int, int]:
        log, _, line = name.removesuffix(".parquet").rpartition("-")
        return logs.get(log, len(logs)), int(line)

    for name in sorted(windows, key=order):
        parts = [pl.read_parquet(file, columns=_NEEDED, hive_partitioning=False) for file in windows[name]]
        told = pl.concat(parts).filter(pl.col("type").is_not_null()).sort("line").select(_line().alias("line"))
        if told.height:
            yield "\n".join(told["line"].to_list()).encode() + b"\n"


_NEEDED = ["host", "type", "time", "serial", "bulk", "rest", "line"]


def _line() -> pl.Expr:
    millis = pl.col("time").dt.epoch("ms")
    return pl.format(
        "{}type={} msg=audit({}.{}:{}): {}{}",
        pl.coalesce(pl.format("node={} ", "host"), pl.lit("")),
        "type",
        millis // 1000,
        (millis % 1000).cast(pl.String).str.zfill(3),
        "serial",
        pl.col("bulk").fill_null(""),
        pl.col("rest").fill_null(""),
    )
