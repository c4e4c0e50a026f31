"""`virt-warden demo`: scans the recorded host that ships with the program, and writes its report as a page."""

from __future__ import annotations

import sys
from importlib.resources import as_file, files

from virtwarden import profiles
from virtwarden.cli import PASSED
from virtwarden.cli.options import Parser, parser
from virtwarden.cli.output import deliver
from virtwarden.controls import every_control, explanations
from virtwarden.facts.policy import policy_from
from virtwarden.host import Host
from virtwarden.report import FORMATS
from virtwarden.report.layout import Detail, style_for
from virtwarden.report.text import render
from virtwarden.scan import scan
from virtwarden.sources.recording import Snapshot
from virtwarden.sources.redact import Redacted

_RECORDING = "host.jsonl.gz"
_PAGE = "virt-warden-demo.html"


def run(words: list[str]) -> int:
    """Scan the recorded host by the baseline profile, whatever policy this machine has."""
    page: str = options().parse_args(words).output
    profile = profiles.load(profiles.DEFAULT)
    policy = policy_from(profile.policy, {"profile": profile.name}, where="the demo")
    with as_file(files("virtwarden.demo") / _RECORDING) as recording:
        report = scan(Host(Redacted(Snapshot(str(recording))), policy), profile.select(every_control()))
    print(render(report, style_for(sys.stdout, detail=Detail.BRIEF)))
    deliver(FORMATS["html"].pieces(report, explanations()), page)
    print(f"\nThe whole report, with the evidence behind every finding: {page}")
    print("To scan this host instead: virt-warden scan")
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "demo", "Scan a recorded, unhardened host. No libvirt is needed; nothing but one page is written."
    )
    made.add_argument("--output", metavar="FILE", default=_PAGE, help=f"where the page goes (default: {_PAGE})")
    return made
