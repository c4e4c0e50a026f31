"""`virt-warden audit import`: every record of the logs into Parquet, only what is new."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from virtwarden.cli import PASSED
from virtwarden.cli.audit.options import telling
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.logs import DEFAULT
from virtwarden.report.visible import visible

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
        for path in told.shorter:
            print(f"virt-warden: {visible(path)} holds no more than was imported before", file=sys.stderr)
        if told.unknown:
            lines = (
                "1 line is no audit record"
                if told.unknown == 1
                else f"{told.unknown:,} lines are no audit records"
            )
            print(f"virt-warden: {lines}; kept with no type", file=sys.stderr)
    print(f"{told.records:,} new records ({told.bytes / 1e6:,.1f} MB) are in {visible(chosen.folder)}")
    return PASSED


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
