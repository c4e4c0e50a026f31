"""Import folders read back, and logs to import."""

from __future__ import annotations

import lzma
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from virtwarden.events.columns.importing import Imported, import_logs
from virtwarden.events.columns.store import files_in
from virtwarden.events.model import Skipped

_EVENTS = Path(__file__).parents[1]
RECORDED = {
    path.name: lzma.decompress(path.read_bytes()) for path in sorted((_EVENTS / "records").glob("*.xz"))
} | {
    f"{folder}/{path.name}": path.read_bytes()
    for folder in ("raw", "enriched", "devices")
    for path in sorted((_EVENTS / "recorded" / folder).glob("audit.log*"))
}


def imported(
    folder: Path, *paths: Path, window: int = 65536, skipped: Skipped | None = None, host: str | None = None
) -> Imported:
    """Import logs in small windows."""
    return import_logs(folder, [str(path) for path in paths], skipped or Skipped(), host, window)


def records(folder: Path) -> pl.DataFrame:
    """All that was imported, in the order of log, time and line."""
    parts = [pl.read_parquet(file, hive_partitioning=False) for file in files_in(folder)]
    text = pl.concat_str(pl.col("bulk", "rest").fill_null("")).alias("text")
    return pl.concat(parts).with_columns(text).sort("host", "time", "serial", "type", "text", "line")


def rows(folder: Path, without: Sequence[str] = ()) -> list[tuple[object, ...]]:
    """The same as a list of rows that can be compared."""
    return records(folder).drop(without).rows()


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Recorded lines under times and serials that come once."""
    lines = [line for log in RECORDED.values() for line in log.split(b"\n") if line]
    return [
        re.sub(
            rb"audit\([^)]*\)",
            b"audit(%d.%03d:%d)" % (1795464784 + each * 700, each % 1000, each + 1),
            line,
            count=1,
        )
        for each, line in ((each, lines[each * 37 % len(lines)]) for each in range(start, start + count))
    ]
