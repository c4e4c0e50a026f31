"""Lines of audit logs as columns, a window of lines at a time: no record is touched one by one.

What a record says is kept as it is, in two columns, so every field is there: `bulk` has what is long and differs at
nearly every record (arguments of calls, paths, titles), `rest` has what most questions are about, which often comes
again and is then stored once. Behind one another they are the record's text. Fields are found in them when they are
asked for. What is not written as the kernel and the audit daemon write it becomes a row without type.
"""

from __future__ import annotations

import polars as pl
from polars.exceptions import ComputeError

RECORDS = {
    "host": pl.String(),
    "time": pl.Datetime("ms", "UTC"),
    "serial": pl.Int64(),
    "type": pl.String(),
    "bulk": pl.String(),
    "rest": pl.String(),
    "line": pl.Int64(),
}
"""The columns of records."""

BULK = ("PATH", "CWD", "PROCTITLE", "EXECVE", "SOCKADDR", "MMAP", "OBJ_PID", "FD_PAIR")
"""Records that are all bulk."""
_WHO = " auid="
"""Where a SYSCALL goes over from what was called to who called it."""
_HEAD = r"^(?:node=([!-~]+) )?type=([!-~]+) msg=audit\(([0-9]{1,12})\.([0-9]{3}):([0-9]{1,18})\):(?: |$)"
_GROUPS = ("node", "type", "seconds", "millis", "serial")
_FIXED = len("type= msg=audit(.000:): ")
_NODE = len("node= ")


def lines_of(window: bytes, first_line: int) -> pl.DataFrame:
    """The lines of a window, numbered. Bytes that are no UTF-8 are written `\\xNN`."""

    def read(text: bytes) -> pl.DataFrame:
        return pl.read_lines(text, name="text", row_index_name="line", row_index_offset=first_line)

    try:
        return read(window)
    except ComputeError:
        return read(window.decode("utf-8", "backslashreplace").encode())


def records_of(lines: pl.DataFrame, host: str | None) -> pl.DataFrame:
    """The records that lines are, those of a type together; `host` is the one of records without a node."""
    parts = _headed(lines, host).partition_by("type", as_dict=True)
    cut = [told.with_columns(_halves(kind)) for (kind,), told in parts.items()]
    return pl.concat(cut).select(list(RECORDS)) if cut else pl.DataFrame(schema=RECORDS)


def _halves(kind: object) -> list[pl.Expr]:
    text, nothing = pl.col("text"), pl.lit(None, pl.String())
    if kind in BULK:
        bulk, rest = text, nothing
    elif kind == "SYSCALL":
        at = text.str.find(_WHO, literal=True).cast(pl.Int64).fill_null(0)
        bulk, rest = _sliced(pl.lit(0), at), _sliced(at)
    else:
        bulk, rest = nothing, text
    return [bulk.alias("bulk"), rest.alias("rest")]


def _sliced(start: pl.Expr, length: pl.Expr | None = None) -> pl.Expr:
    """A part of the text; places are in bytes, and always beside a character of ASCII."""
    return pl.col("text").cast(pl.Binary).bin.slice(start, length).cast(pl.String)


def _headed(lines: pl.DataFrame, host: str | None) -> pl.DataFrame:
    head = pl.col("text").str.extract_groups(_HEAD).struct.rename_fields(list(_GROUPS))
    told = lines.filter(pl.col("text") != "").with_columns(head.alias("head")).unnest("head")
    size = pl.sum_horizontal(pl.col("type", "seconds", "serial").str.len_bytes()) + _FIXED
    size = size + pl.coalesce(pl.col("node").str.len_bytes() + _NODE, 0)
    start = pl.when(pl.col("type").is_null()).then(0).otherwise(size).cast(pl.Int64)
    millis = pl.col("seconds").cast(pl.Int64) * 1000 + pl.col("millis").cast(pl.Int64)
    return told.select(
        pl.col("line").cast(pl.Int64),
        "type",
        pl.coalesce("node", pl.lit(host, pl.String)).alias("host"),
        millis.cast(RECORDS["time"]).alias("time"),
        pl.col("serial").cast(pl.Int64),
        _sliced(start).alias("text"),
    )
