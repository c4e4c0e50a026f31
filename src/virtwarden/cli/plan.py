"""`virt-warden plan`: shows what would change to make the failing controls pass."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from virtwarden.cli import FAILED, PASSED, UsageError
from virtwarden.cli.options import add_choice, add_policy, add_source, chosen_controls, policy_of, raw_source_of
from virtwarden.cli.output import deliver
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.planning import planned
from virtwarden.model import Plan, Safety
from virtwarden.plan import text_at
from virtwarden.report.layout import Detail, style_for

_FORMATS = ("text", "json", "ansible", "shell")


def run(words: list[str]) -> int:
    """Plan; 0 where nothing is left to do, 1 where something is."""
    chosen = options().parse_args(words)
    policy, profile = policy_of(chosen)
    controls = chosen_controls(chosen, profile)
    safest = Safety.SAFE if chosen.only_safe else Safety.DISRUPTIVE
    with raw_source_of(chosen) as source:
        plan = planned(source, policy, controls, root=chosen.root or "/", guest=chosen.guest, safest=safest)
        if chosen.out:
            from virtwarden.report import planjson  # noqa: PLC0415

            deliver((planjson.dumps(plan),), chosen.out)
        deliver((_told(chosen, plan, lambda path: text_at(source, path)),), None)
    return FAILED if plan.rewrites or plan.unfixed else PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "plan", "Show what would change. Exit code: 0 nothing is left to do, 1 something is, 3 wrong usage."
    )
    add_source(made)
    add_policy(made)
    add_choice(made)
    made.add_argument("--only-safe", action="store_true", help="leave out what disturbs guests or services")
    made.add_argument("--out", metavar="PLAN.json", help="save the plan, for virt-warden apply")
    made.add_argument("--format", choices=_FORMATS, default="text", help="how it is shown")
    return made


def _told(chosen: argparse.Namespace, plan: Plan, text: Callable[[str], str | None]) -> str:
    if chosen.format == "text":
        from virtwarden.report import plantext  # noqa: PLC0415  # what is not asked for is not imported

        style = style_for(sys.stdout, detail=Detail.NORMAL)
        return plantext.render(plan, style) + plantext.how_to_apply(plan, style, chosen.out or "")
    if chosen.format == "json":
        from virtwarden.report import planjson  # noqa: PLC0415

        return planjson.dumps(plan)
    if plan.root != "/":
        raise UsageError(f"--format {chosen.format} is for a running host, not for an image")
    if chosen.format == "ansible":
        from virtwarden.report import ansible  # noqa: PLC0415

        return ansible.render(plan, text)
    from virtwarden.report import shellscript  # noqa: PLC0415

    return shellscript.render(plan, text)
