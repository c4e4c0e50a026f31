"""Rows of any columns, as the answer to a question in SQL has them, as a table, JSON or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

import msgspec

from virtwarden.report.csvreport import cell
from virtwarden.report.visible import shown, visible

_PIECE = 65536
_WIDEST = 120
"""Characters of a value that a table shows."""
_TABLE = 200
"""Rows whose widths decide how wide the columns of a table are."""


def as_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Columns side by side, and how many rows there are. What cannot be printed is spelled out."""
    each = iter(rows)
    first = [[_shown(value) for value in row] for row, _ in zip(each, range(_TABLE), strict=False)]
    names = [visible(name) for name in columns]
    widths = [max(map(len, column)) for column in zip(names, *first, strict=True)]
    count = 0
    yield _line(names, widths)
    yield _line(["─" * width for width in widths], widths)
    for shown_row in first:
        yield _line(shown_row, widths)
        count += 1
    for row in each:
        yield _line([_shown(value) for value in row], widths)
        count += 1
    yield "1 row\n" if count == 1 else f"{count:,} rows\n"


def as_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """One JSON array, a row a line."""
    encode = msgspec.json.Encoder(enc_hook=str).encode
    before = "[\n"
    for row in rows:
        yield before + encode(dict(zip(columns, map(_told, row), strict=True))).decode()
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """CSV after RFC 4180, with a line of names; no cell is taken for a formula."""
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(map(cell, columns))
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        if out.tell() > _PIECE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _cell(value: Any) -> Any:
    plain = _told(value)
    if plain is None or isinstance(plain, bool | int | float):
        return plain
    return cell(plain if isinstance(plain, str) else msgspec.json.encode(plain, enc_hook=str).decode())


def _shown(value: Any) -> str:
    plain = _told(value)
    if plain is None:
        return ""
    return shown(plain if isinstance(plain, str) else str(plain), _WIDEST)


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep="T", timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() + "\n"
