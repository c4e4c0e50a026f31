"""`virt-warden audit sql`: ask records, sessions and events in SQL."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.audit.options import add_form, telling, write_out
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.columns.sql import Answer, Asked, asking_folder, asking_logs
from virtwarden.events.columns.target import replacing
from virtwarden.events.known import DEFAULT
from virtwarden.events.model import Skipped


def run(words: list[str]) -> int:
    """Ask, and print the answer."""
    chosen = options().parse_intermixed_args(words)
    if chosen.dir and chosen.files:
        raise UsageError("either --dir or log files are asked, not both")
    with telling() as skipped:
        if chosen.parquet:
            _into_parquet(chosen, skipped)
        else:
            with _place(chosen, skipped, None) as asked:
                write_out(_pieces(asked.answer(chosen.question), chosen.form))
    return PASSED


def _place(chosen: argparse.Namespace, skipped: Skipped, out: Path | None) -> AbstractContextManager[Asked]:
    if chosen.dir:
        return asking_folder(Path(chosen.dir), chosen.question, skipped, out)
    return asking_logs(chosen.files or [DEFAULT], chosen.question, skipped, out)


def _into_parquet(chosen: argparse.Namespace, skipped: Skipped) -> None:
    with replacing(chosen.parquet) as new, _place(chosen, skipped, new) as asked:
        asked.write(chosen.question)


def _pieces(answer: Answer, form: str) -> Iterator[str]:
    from virtwarden.report.audit import rows  # noqa: PLC0415  # only where there is an answer

    if form == "json":
        return rows.as_json(answer.columns, answer.rows())
    if form == "csv":
        return rows.as_csv(answer.columns, answer.rows())
    return rows.as_table(answer.columns, answer.rows())


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "audit sql",
        "Ask in SQL (DuckDB's): the tables records, events and sessions, and field(text, 'NAME') for any other field.",
    )
    made.add_argument("question", metavar="SQL", help="one SELECT")
    made.add_argument(
        "files", nargs="*", default=[], metavar="FILE",
        help=f"logs, or folders with audit.log files ({DEFAULT}); - is standard input",
    )  # fmt: skip
    made.add_argument("--dir", metavar="DIR", help="ask what audit import wrote there, in place of logs")
    add_form(made)
    return made
