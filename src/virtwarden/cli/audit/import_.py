"""`virt-warden audit import`: every record of the logs into Parquet, only what is new."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED
from virtwarden.cli.audit.options import telling
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.known import DEFAULT
from virtwarden.events.logs import STDIN
from virtwarden.report.visible import visible

if TYPE_CHECKING:
    from virtwarden.events.columns.importing import Imported

_MEMORY = "narenas:1,dirty_decay_ms:60000,muzzy_decay_ms:60000"
"""Has the allocator of Polars keep what it will need again at once; to be set before Polars is loaded."""


def run(words: list[str]) -> int:
    """Import, and say how much."""
    chosen = options().parse_intermixed_args(words)
    os.environ.setdefault("_RJEM_MALLOC_CONF", _MEMORY)
    from virtwarden.events.columns.extra import needed  # noqa: PLC0415  # an extra

    needed("polars")
    from virtwarden.events.columns.importing import import_logs  # noqa: PLC0415  # loads Polars

    with telling() as skipped:
        told = import_logs(Path(chosen.folder), chosen.files or [DEFAULT], skipped, chosen.host)
        for sentence in _sentences(told):
            print(f"virt-warden: {sentence}", file=sys.stderr)
    print(f"{told.records:,} new records ({told.bytes / 1e6:,.1f} MB) are in {visible(chosen.folder)}")
    return PASSED


def _sentences(told: Imported) -> Iterator[str]:
    for path in told.shorter:
        yield f"{_named(path)} holds no more than was imported before"
    for path in told.waiting:
        yield f"{_named(path)} ends in the midst of a line, which is left for the next import"
    for path in told.unended:
        yield f"{_named(path)} ends in the midst of a line, which is taken as it is"
    if told.unknown == 1:
        yield "1 line is no audit record; kept with no type"
    elif told.unknown:
        yield f"{told.unknown:,} lines are no audit records; kept with no type"


def _named(path: str) -> str:
    return "standard input" if path == STDIN else visible(path)


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "audit import",
        "Every record of the logs into Parquet files by host and day, only what is new since last time.",
    )
    made.add_argument("folder", metavar="DIR", help="where to; made for you alone, as logs hold secrets")
    made.add_argument(
        "files", nargs="*", default=[], metavar="FILE",
        help=f"logs, or folders with audit.log files ({DEFAULT}); - is standard input",
    )  # fmt: skip
    made.add_argument("--host", metavar="NAME", help="the host of records that name no node")
    return made
