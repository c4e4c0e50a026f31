"""Lines of audit logs as columns, a window of lines at a time: no record is touched one by one.

`text` holds all that a record says, so every field is there; the fields that most questions are about have columns of
their own. Kinds of records that make up most of a log and have their fields in a fixed order are split by position, all
others are searched. What is not written as the kernel and the audit daemon write it becomes a row without type.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

import polars as pl
from polars.exceptions import ComputeError

RECORDS = {
    "host": pl.String(),
    "time": pl.Datetime("ms", "UTC"),
    "serial": pl.Int64(),
    "type": pl.String(),
    "success": pl.Boolean(),
    "pid": pl.Int64(),
    "ppid": pl.Int64(),
    "auid": pl.Int64(),
    "uid": pl.Int64(),
    "ses": pl.Int64(),
    "syscall": pl.Int64(),
    "exit": pl.Int64(),
    "op": pl.String(),
    "comm": pl.String(),
    "exe": pl.String(),
    "subj": pl.String(),
    "key": pl.String(),
    "path": pl.String(),
    "guest": pl.String(),
    "uuid": pl.String(),
    "text": pl.String(),
    "line": pl.Int64(),
}
"""The columns of `records`."""

_HEAD = r"^(?:node=([!-~]+) )?type=([!-~]+) msg=audit\(([0-9]{1,12})\.([0-9]{3}):([0-9]{1,18})\):(?: |$)"
_FIXED = len("type= msg=audit(.000:): ")
_HEX = r"^(?:[0-9A-F]{2})+$"

_NUMBERS = frozenset({"pid", "ppid", "auid", "uid", "ses", "syscall", "exit"})
_COLUMNS = {"name": "path", "cwd": "path"}
"""Which column a field belongs to that is sought by its own name."""
_NAMES = {
    "subj": "subj|scontext|profile",
    "obj": "tcontext",
    "guest": "vm",
    "path": "path|name",
    "op": "op|operation",
}
"""What records call the columns that bear another name."""
_CODED = frozenset({"comm", "exe", "key", "path", "guest"})
"""What is written as hexadecimal digits where it has what would need a quote."""
_YES = ("success", "yes", "1", "granted", "ALLOWED")
_RESULT = r"res=([a-z0-9]+)'?(?:\x1d|$)"  # the last field, so that no path before it can pretend to be it
_SUCCESS = r"(?:^| )success=([a-z]+)(?: |$)"
_VERDICT = r"""^(?:avc: +|apparmor=")(denied|granted|DENIED|ALLOWED)"""
_SUCCESSES = {"res": (_RESULT,), "success": (_SUCCESS,), "verdict": (_VERDICT,), "any": (_RESULT, _SUCCESS)}
_WHO = ("auid", "uid", "ses", "comm", "exe", "subj", "key")
_EVERY = ("any", "pid", "ppid", *_WHO, "syscall", "exit", "op", "path", "guest", "uuid")
_NAMES_FROM = "\x1d"
"""Where the names begin that auditd adds to ENRICHED records, for numbers that were told before."""


class Part(NamedTuple):
    """A part of a record: from one mark to another, empty for the beginning and the end, and what is sought in it.
    What comes again and again is sought through once."""

    start: str
    end: str
    columns: tuple[str, ...]
    repeats: bool = True


_WHOLE = (Part("", "", _EVERY, repeats=False),)
_TELLER = (  # what the kernel says of the program that tells
    Part("", " uid=", ("pid",), repeats=False),
    Part(" uid=", " msg='", ("uid", "auid", "ses", "subj")),
)
_TOLD = (*_TELLER, Part(" msg='", "", ("res", "op", "comm", "exe"), repeats=False))
_GUEST = (*_TELLER, Part(" msg='", "", ("res", "op", "exe", "path", "guest", "uuid"), repeats=False))
_NONE = (Part("", "", (), repeats=False),)
_SYSCALL = (
    Part("", " a0=", ("success", "syscall", "exit")),
    Part(" ppid=", " auid=", ("ppid", "pid"), repeats=False),
    Part(" auid=", " tty=", ("auid", "uid")),
    Part(" tty=", " comm=", ("ses",)),
    Part(" comm=", _NAMES_FROM, ("comm", "exe", "subj", "key")),
)
_KINDS: dict[str, tuple[Part, ...]] = {
    "SYSCALL": _SYSCALL,
    "AVC": (Part("", "", ("verdict", "pid", "op", "comm", "subj", "path"), repeats=False),),
    "PATH": (Part("", "", ("name",), repeats=False),),
    "CWD": (Part("", "", ("cwd",), repeats=False),),
    "BPF": (Part("", "", ("op",), repeats=False),),
    "LOGIN": (Part("", "", ("res", "pid", "uid", "auid", "ses", "subj"), repeats=False),),
    "CONFIG_CHANGE": (Part("", "", ("res", "auid", "ses", "subj", "op", "key"), repeats=False),),
    **dict.fromkeys(("PROCTITLE", "EXECVE", "SOCKADDR", "MMAP", "FD_PAIR", "EOE"), _NONE),
    **dict.fromkeys(("VIRT_CONTROL", "VIRT_RESOURCE", "VIRT_MACHINE_ID"), _GUEST),
}


_SEED = secrets.randbits(63)  # so that nobody can write two pieces that are taken for one


def parsed(window: bytes, first_line: int, host: str | None) -> pl.DataFrame:
    """The records of a window of whole lines. `first_line` is its first line's number, `host` where no node is told.
    Bytes that are no UTF-8 are written `\\xNN`."""
    return records_of(lines_of(window, first_line), host)


def records_of(lines: pl.DataFrame, host: str | None) -> pl.DataFrame:
    """The records that numbered lines are."""
    headed = _headed(lines, host)
    grouped: dict[tuple[Part, ...], list[pl.DataFrame]] = {}
    done: list[pl.DataFrame] = []
    for (kind,), told in headed.partition_by("type", as_dict=True).items():
        parts = _KINDS.get(kind, _TOLD) if isinstance(kind, str) else _NONE
        grouped.setdefault(parts, []).append(told)
    if _NONE in grouped:
        grouped[_NONE] = [
            told.filter(pl.col("type").is_not_null() | (pl.col("text") != "")) for told in grouped[_NONE]
        ]
    for parts, tellings in grouped.items():
        done += _taken_apart(pl.concat(tellings), parts)
    return _complete(done)


def lines_of(window: bytes, first_line: int) -> pl.DataFrame:
    """The lines of a window, numbered."""

    def read(text: bytes) -> pl.DataFrame:
        return pl.read_lines(text, name="text", row_index_name="line", row_index_offset=first_line)

    try:
        return read(window)
    except ComputeError:
        return read(window.decode("utf-8", "backslashreplace").encode())


def _headed(lines: pl.DataFrame, host: str | None) -> pl.DataFrame:
    head = (
        pl.col("text")
        .str.extract_groups(_HEAD)
        .struct.rename_fields(["node", "type", "seconds", "millis", "serial"])
    )
    told = lines.with_columns(head.alias("head")).unnest("head")
    size = (
        pl.col("type").str.len_bytes()
        + pl.col("seconds").str.len_bytes()
        + pl.col("serial").str.len_bytes()
        + _FIXED
    )
    size = size + pl.coalesce(pl.col("node").str.len_bytes() + 6, 0)
    body = pl.col("text").cast(pl.Binary).bin.slice(size.cast(pl.Int64).fill_null(0)).cast(pl.String)
    millis = pl.col("seconds").cast(pl.Int64) * 1000 + pl.col("millis").cast(pl.Int64)
    return told.select(
        "line",
        "type",
        pl.coalesce("node", pl.lit(host, pl.String)).alias("host"),
        millis.cast(RECORDS["time"]).alias("time"),
        pl.col("serial").cast(pl.Int64),
        body.alias("text"),
    )


def _taken_apart(told: pl.DataFrame, parts: tuple[Part, ...]) -> list[pl.DataFrame]:
    marks = sorted({mark for part in parts for mark in part[:2] if mark})
    if not marks:
        return [told.hstack(_sought(told["text"], parts[0].columns))]
    at = told.select(_place(mark).cast(pl.Int64).alias(mark) for mark in marks)
    ordered = (pl.col(part.start) <= pl.col(part.end) for part in parts if part.start and part.end)
    whole = at.select(pl.all_horizontal(pl.all().is_not_null(), *ordered)).to_series().fill_null(value=False)
    if whole.all():
        return [_with_columns(told, at, parts)]
    fits, other = told.filter(whole), told.filter(~whole)
    return [_with_columns(fits, at.filter(whole), parts), *_taken_apart(other, _WHOLE)]


def _place(mark: str) -> pl.Expr:
    text = pl.col("text").str
    found = text.find(mark, literal=True)
    return found.fill_null(text.len_bytes()) if mark == _NAMES_FROM else found


def _with_columns(told: pl.DataFrame, at: pl.DataFrame, parts: tuple[Part, ...]) -> pl.DataFrame:
    cut = at.hstack([told["text"]]).select(_piece(part).alias(f"part {place}") for place, part in enumerate(parts))
    keys = cut.select(pl.all().hash(_SEED))
    for piece, key, part in zip(cut, keys, parts, strict=True):
        told = told.hstack(_each_once(piece, key, part.columns) if part.repeats else _sought(piece, part.columns))
    return told


def _piece(part: Part) -> pl.Expr:
    start = pl.col(part.start) if part.start else pl.lit(0)
    length = pl.col(part.end) - start if part.end else None
    return pl.col("text").cast(pl.Binary).bin.slice(start, length).cast(pl.String)


def _each_once(pieces: pl.Series, keys: pl.Series, columns: tuple[str, ...]) -> pl.DataFrame:
    table = keys.alias("of").to_frame()
    first = table.with_row_index("at").unique("of")
    if first.height * 2 > len(pieces):
        return _sought(pieces, columns)
    found = _sought(pieces.gather(first["at"]), columns).insert_column(0, first["of"])
    return table.join(found, on="of", how="left", maintain_order="left").drop("of")


def _sought(pieces: pl.Series, columns: tuple[str, ...]) -> pl.DataFrame:
    piece = pl.col(pieces.name)
    found = pieces.to_frame().select(_field(piece, name) for name in columns)
    coded = [name for name in found.columns if name in _CODED]
    if not coded or not found.height:
        return found
    quoted = (pl.col(name).str.starts_with('"').all().alias(f"{name} quoted") for name in coded)
    plain = found.with_columns(pl.col(coded).str.strip_chars('"'), *quoted)
    strange = [name for name in coded if not plain.drop_in_place(f"{name} quoted")[0]]
    return plain.with_columns(_meant(found[name], plain[name]) for name in strange) if strange else plain


def _field(piece: pl.Expr, name: str) -> pl.Expr:
    if name in _SUCCESSES:
        return pl.coalesce(map(piece.str.extract, _SUCCESSES[name])).is_in(_YES).alias("success")
    sought = piece.str.extract(_named(_NAMES.get(name, name))).alias(_COLUMNS.get(name, name))
    if name in _NUMBERS:
        return sought.cast(pl.Int64, strict=False)
    return sought if _COLUMNS.get(name, name) in _CODED else sought.str.strip_chars('"')


def _named(name: str) -> str:
    """What finds the value of a field; (null) and ? are none."""
    return rf"""(?:^|[ '])(?:{name})=("[^"]*"|[^ '"\x1d(?][^ '"\x1d]*)"""


def _meant(values: pl.Series, plain: pl.Series) -> pl.Series:
    """What the values mean, of which not all are quoted."""
    quoted = values.str.starts_with('"')
    distinct = values.filter(~quoted).unique()
    digits = distinct.filter(distinct.str.contains(_HEX))
    meant = [_decoded(each) for each in digits]
    decoded = values.replace(digits.to_list(), meant)
    return plain.zip_with(quoted.fill_null(value=True), decoded)


def _decoded(digits: str) -> str:
    text = bytes.fromhex(digits).decode("utf-8", "backslashreplace")
    return text.replace("\0", " ").replace("\x01", ",")  # as arguments and keys of rules are parted


def _complete(parts: list[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema=RECORDS)
    missing = [pl.lit(None, kind).alias(name) for name, kind in RECORDS.items() if name not in whole.columns]
    return whole.with_columns(pl.col("line").cast(pl.Int64), *missing).select(list(RECORDS))
