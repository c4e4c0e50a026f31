"""The table `records` in SQL: columns for the fields that most questions are about, found when they are asked for.

A field is sought in `rest` where it can be, which holds little and much of it only once; `bulk` is read for what stands
there alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_VALUE = r"""("[^"]*"|[^ ''"\x1d(?][^ ''"\x1d]*)"""
"""A value in quotes or without; (null) and ? are none."""
_BEFORE = r"(?:^|[ ''\x1d])"
_RESULT = r"res=([a-z0-9]+)''?(?:\x1d|$)"
"""The last field of what programs tell, so that nothing before it can pretend to be it."""

MACROS = (
    f"CREATE MACRO field(text, name) AS nullif(trim(regexp_extract(text, "
    f"'{_BEFORE}' || regexp_escape(name) || '={_VALUE}', 1), '\"'), '')",
    r"""
    CREATE MACRO decoded(value) AS CASE
        WHEN regexp_full_match(value, '(?:[0-9A-F]{2})+')
        THEN coalesce(replace(replace(try(decode(unhex(value))), chr(0), ' '), chr(1), ','), value)
        ELSE value END
    """,
)


def _field(column: str, names: str) -> str:
    return f"nullif(trim(regexp_extract({column}, '{_BEFORE}(?:{names})={_VALUE}', 1), '\"'), '')"


def _coded(column: str, names: str) -> str:
    """A field that is in quotes, or in hexadecimal digits where it has what would need them."""
    raw = f"nullif(regexp_extract({column}, '{_BEFORE}(?:{names})={_VALUE}', 1), '')"
    return f"""CASE WHEN {raw} LIKE '"%' THEN trim({raw}, '"') ELSE decoded({raw}) END"""


def _number(column: str, name: str) -> str:
    return f"TRY_CAST({_field(column, name)} AS BIGINT)"


def _of_calls(expression: str) -> str:
    return f"CASE WHEN type = 'SYSCALL' THEN {expression} END"


def _of_guests(expression: str) -> str:
    return f"CASE WHEN type LIKE 'VIRT\\_%' ESCAPE '\\' THEN {expression} END"


_SUCCESS = f"""CASE
    WHEN type = 'SYSCALL' THEN {_field("bulk", "success")} = 'yes'
    WHEN type = 'AVC' THEN regexp_matches(rest, '^(?:avc: +granted|apparmor="ALLOWED")')
    ELSE nullif(regexp_extract(rest, '{_RESULT}', 1), '') IN ('success', 'yes', '1') END"""

_COLUMNS = {
    "host": "host",
    "day": "day",
    "time": "time",
    "serial": "serial",
    "type": "type",
    "success": _SUCCESS,
    "pid": f"CASE WHEN type = 'SYSCALL' THEN {_number('bulk', 'pid')} ELSE {_number('rest', 'pid')} END",
    "ppid": _of_calls(_number("bulk", "ppid")),
    "uid": _number("rest", "uid"),
    "auid": _number("rest", "auid"),
    "ses": _number("rest", "ses"),
    "syscall": _of_calls(_number("bulk", "syscall")),
    "exit": _of_calls(_number("bulk", "exit")),
    "op": _field("rest", "op|operation"),
    "comm": _coded("rest", "comm"),
    "exe": _coded("rest", "exe"),
    "subj": _field("rest", "subj|scontext|profile"),
    "obj": _field("rest", "tcontext"),
    "key": _coded("rest", "key"),
    "path": f"""CASE type WHEN 'PATH' THEN {_coded("bulk", "name")} WHEN 'CWD' THEN {_coded("bulk", "cwd")}
        WHEN 'SYSCALL' THEN NULL ELSE {_coded("rest", "path|name")} END""",
    "guest": _of_guests(_coded("rest", "vm")),
    "uuid": _of_guests(_field("rest", "uuid")),
    "proctitle": f"CASE WHEN type = 'PROCTITLE' THEN {_coded('bulk', 'proctitle')} END",
    "text": "coalesce(bulk, '') || coalesce(rest, '')",
    "line": "line",
}
"""The columns, and what makes them of those that are stored."""

_NOTHING = (
    "(SELECT NULL::VARCHAR AS host, NULL::DATE AS day, NULL::TIMESTAMPTZ AS time, NULL::BIGINT AS serial, "
    "NULL::VARCHAR AS type, NULL::VARCHAR AS bulk, NULL::VARCHAR AS rest, NULL::BIGINT AS line WHERE false)"
)


def records_view(files: Sequence[Path]) -> str:
    """What makes the view over these files; it has the same columns where there are none."""
    listed = ", ".join(map(quoted, files))
    stored = (
        f"read_parquet([{listed}], hive_partitioning = true, hive_types = {{'day': DATE}})" if files else _NOTHING
    )
    columns = ",\n".join(f"{made} AS {name}" for name, made in _COLUMNS.items())
    return f"CREATE VIEW records AS SELECT {columns} FROM {stored}"  # noqa: S608  # our own, but for paths in quotes


def quoted(path: object) -> str:
    """A path as a string of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
