"""`virt-warden demo`: the whole circle on the recorded host that ships with the program, without libvirt.

It is scanned and its report written as a page; then a scratch copy of its files is planned for, changed, scanned again
and taken back, and compared with what it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from virtwarden import profiles
from virtwarden.apply import Applying
from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.output import deliver
from virtwarden.cli.parsing import Parser, parser
from virtwarden.control import Control
from virtwarden.controls import every_control, explanations
from virtwarden.edits import SetMode
from virtwarden.facts.policy import Policy, policy_from
from virtwarden.host import Host
from virtwarden.journal import Journal
from virtwarden.model import Plan, Report, Result
from virtwarden.plan import make
from virtwarden.report import FORMATS
from virtwarden.report.layout import Detail, style_for
from virtwarden.report.phrases import count
from virtwarden.report.text import render
from virtwarden.scan import scan
from virtwarden.sources.recording import Snapshot
from virtwarden.sources.redact import Redacted
from virtwarden.sources.scratch import Scratch, lay_out
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.undo import undo

_RECORDING = "host.jsonl.gz"
_LOG = "audit.log"
_PAGE = "virt-warden-demo.html"


def run(words: list[str]) -> int:
    """The circle by the baseline profile, whatever policy this machine has."""
    page: str = options().parse_args(words).output
    profile = profiles.load(profiles.DEFAULT)
    policy = policy_from(profile.policy, {"profile": profile.name}, where="the demo")
    controls = profile.select(every_control())
    with (
        as_file(files("virtwarden.demo") / _RECORDING) as path,
        TemporaryDirectory(prefix="virt-warden-") as folder,
    ):
        recording = Snapshot(str(path))
        report = scan(Host(Redacted(recording), policy), controls)
        print(render(report, style_for(sys.stdout, detail=Detail.BRIEF)))
        deliver(FORMATS["html"].pieces(report, explanations()), page)
        print(f"\nThe whole report, with the evidence behind every finding: {page}\n")
        log = str(Path(page).with_suffix("")) + "-audit.log"
        deliver([(files("virtwarden.demo") / _LOG).read_text("utf-8")], log)
        Circle(Path(folder), lay_out(recording, Path(folder) / "root"), policy, controls).go()
    print(f"\nWho ran which guest, from a sample audit log: virt-warden audit sessions {log}")
    print("To scan this host: virt-warden scan. To see what would change on it: virt-warden plan")
    return PASSED


@dataclass(frozen=True, slots=True)
class Circle:
    """A scratch copy of the recorded host, with what it is judged by."""

    folder: Path
    source: Scratch
    policy: Policy
    controls: Sequence[Control]

    def go(self) -> None:
        """Scan, plan, apply, scan, roll back, compare; a line for each."""
        print("And now the whole circle, on a scratch copy of its files. What only the running host could tell is")
        print("unknown there, so fewer controls fail:")
        start, before = self._digest(), self._scanned()
        _line("scan", f"{_failures(before)} fail")
        plan = self._planned(before)
        mended = {(each.control, each.subject, each.state) for each in plan.expected}
        _line(
            "plan",
            f"{count(len(plan.rewrites), 'document')} would change, {count(len(mended), 'finding')} be mended",
        )
        self._change(plan, start)

    def _change(self, plan: Plan, start: str) -> None:
        journal = Journal(self.folder / "state")
        with journal.locked() as held:
            keeper = Keeper(str(self.folder / "root"), Programs((held,)))
            applying = Applying(journal, keeper, self.source, self._scanned, _say_nothing)
            done = applying.apply(plan)
            _line("apply", f"{count(done.changed, 'step')} done, each noted before it was made")
            _line("scan", f"{_failures(self._scanned())} fail; the rest takes a person, or what runs")
            undo(journal, done.transaction, keeper, "the demo", _say_nothing)
            _line("rollback", "every step taken back")
        if self._digest() != start:
            raise UsageError("the copy is not as it was at the start: this is a defect in virt-warden")
        _line("compare", "every file of the copy is as it was at the start, byte for byte")

    def _scanned(self, ids: Sequence[str] = ()) -> Report:
        controls = [control for control in self.controls if not ids or control.id in ids]
        return scan(Host(Redacted(self.source), self.policy), controls)

    def _planned(self, report: Report) -> Plan:
        """The plan, without what only root may do where we are not root: give files to others."""
        plan = make(Host(Redacted(self.source), self.policy), self.source, report, str(self.folder / "root"))
        if os.geteuid() == 0:
            return plan
        return _without_gifts(plan)

    def _digest(self) -> str:
        """One digest of all files below the root: kinds, bytes, modes and owners."""
        total = sha256()
        for directory, names, others in sorted(os.walk(self.folder / "root")):
            for path in sorted(Path(directory, name) for name in (*names, *others)):
                found = path.lstat()
                total.update(
                    f"{path} {found.st_mode} {found.st_uid} {found.st_gid}\n".encode("utf-8", "surrogateescape")
                )
                if path.is_symlink():
                    total.update(os.readlink(path).encode("utf-8", "surrogateescape"))
                elif path.is_file() and os.access(path, os.R_OK):
                    total.update(path.read_bytes())
        return total.hexdigest()


def _without_gifts(plan: Plan) -> Plan:
    def gives(edit: object) -> bool:
        return isinstance(edit, SetMode) and (edit.owner is not None or edit.group is not None)

    gifts = {each for each in plan.rewrites if any(gives(edit) for edit in each.edits)}
    left_out = {control for each in gifts for control in each.controls}
    return replace(
        plan,
        rewrites=tuple(each for each in plan.rewrites if each not in gifts),
        expected=tuple(each for each in plan.expected if each.control not in left_out),
    )


def _failures(report: Report) -> str:
    findings = sum(f.result is Result.FAIL for outcome in report.outcomes for f in outcome.findings)
    return f"{report.counts()[Result.FAIL]} of {len(report.outcomes)} controls, with {count(findings, 'finding')},"


def _line(step: str, told: str) -> None:
    print(f"  {step:<9} {told}")


def _say_nothing(_line: str) -> None:
    return None


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "demo",
        "Scan, change and take back a recorded, unhardened host. No libvirt is needed; only a page is kept.",
    )
    made.add_argument("--output", metavar="FILE", default=_PAGE, help=f"where the page goes (default: {_PAGE})")
    return made
