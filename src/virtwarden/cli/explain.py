"""`virt-warden explain`: a control's prose, its standards, how it is judged, its fix and its proof."""

from __future__ import annotations

from textwrap import fill

from virtwarden.cli import PASSED
from virtwarden.cli.parsing import Parser, parser
from virtwarden.control import CHAPTERS, Control
from virtwarden.controls import every_control
from virtwarden.profiles import require_known
from virtwarden.report.layout import terminal_width
from virtwarden.standards import blueprint, requirements_met_by


def run(words: list[str]) -> int:
    """Explain the controls that are named."""
    controls = {control.id: control for control in every_control()}
    named: list[str] = options().parse_args(words).control
    for id_ in named:
        require_known(id_, list(controls), "control")
    print("\n\n".join(explanation(controls[id_], min(terminal_width(), 100)) for id_ in named))
    return PASSED


def explanation(control: Control, width: int) -> str:
    """Everything there is to know of a control, as text of this width."""
    titles = {procedure.id: procedure for procedure in blueprint().procedures}
    parts = [
        f"{control.id}\n{control.title}.",
        f"Chapter: {CHAPTERS[control.chapter]}.  Severity: {control.severity}.",
        *control.why.split("\n\n"),
        f"How it is judged: {control.judged}",
        f"Fix: {control.fix}",
        f"Proof: {control.proof}",
    ]
    blocks = ["\n".join(fill(line, width) for line in part.splitlines()) for part in parts]
    sections = [f"  {titles[id_].section}: {titles[id_].title}" for id_ in control.sections]
    blocks.append("Blueprint:\n" + ("\n".join(sections) or "  none; this goes beyond it"))
    met = [
        f"  {standard.id} {requirement.id}  {requirement.title}"
        for standard, requirement in requirements_met_by(control.id)
    ]
    blocks.append("Standards:\n" + ("\n".join(met) or "  none is mapped to it"))
    return "\n\n".join(blocks)


def options() -> Parser:
    """The options of this command."""
    made = parser("explain", "Say what a control asks for and why, how it is judged, fixed and proved.")
    made.add_argument("control", nargs="+", metavar="ID", help="a control; virt-warden controls lists them")
    return made
