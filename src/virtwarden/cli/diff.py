"""`virt-warden diff`: compares two reports."""

from __future__ import annotations

import sys

from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.scan import code_of
from virtwarden.report import compare, jsonreport
from virtwarden.report.layout import Detail, style_for


def run(words: list[str]) -> int:
    """Compare two JSON reports; the exit code speaks of what is new in the second."""
    chosen = options().parse_args(words)
    comparison = compare.compare(jsonreport.load(chosen.before), jsonreport.load(chosen.after))
    print(compare.render(comparison, style_for(sys.stdout, detail=Detail.NORMAL)))
    return code_of(entry.finding.result for entry in comparison.new)


def options() -> Parser:
    """The options of this command."""
    made = parser("diff", "Compare two JSON reports. Exit code: as for scan, of what is new in the second.")
    made.add_argument("before", metavar="A.json", help="the earlier report")
    made.add_argument("after", metavar="B.json", help="the later report")
    return made
