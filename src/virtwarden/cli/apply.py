"""`virt-warden apply`: changes a host as a plan says, so that it can be taken back."""

from __future__ import annotations

import argparse
import os

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.carrying import Terms, carried_out, require_willing
from virtwarden.cli.options import add_choice, add_policy, chosen_controls, policy_of
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.planning import planned
from virtwarden.cli.state import add_state
from virtwarden.host import Host, Source
from virtwarden.model import Plan, Safety
from virtwarden.scan import host_name
from virtwarden.sources.local import Local
from virtwarden.sources.root import Root

_LONGEST_WAIT = 24 * 3600


def run(words: list[str]) -> int:
    """Apply: 0 where the host is as planned, 1 where it was taken back, 2 where even that failed."""
    chosen = options().parse_args(words)
    root = os.path.realpath(chosen.root) if chosen.root else "/"
    if root == "/" and os.geteuid() != 0:
        raise UsageError("only root can change this host; virt-warden plan shows what would change")
    source: Source = Local() if root == "/" else Root(root)
    plan = _plan(chosen, source, root)
    if not plan.rewrites:
        print("nothing to change")
        return PASSED
    if plan.root == "/" and any(r.cuts for r in plan.rewrites) and not (chosen.confirm or chosen.no_confirm):
        names = ", ".join(sorted({str(r.document) for r in plan.rewrites if r.cuts}))
        raise UsageError(f"{names} can cut the way you manage this host: say --confirm SECONDS, or --no-confirm")
    if not chosen.yes:
        require_willing(plan)
    return carried_out(plan, source, Terms(chosen.state, chosen.confirm))


def _plan(chosen: argparse.Namespace, source: Source, root: str) -> Plan:
    """The plan in the file, or one that is made now."""
    if not chosen.plan:
        policy, profile = policy_of(chosen)
        safest = Safety.DISRUPTIVE if chosen.allow_disruptive else Safety.SAFE
        controls = chosen_controls(chosen, profile)
        return planned(source, policy, controls, root=root, guest=chosen.guest, safest=safest)
    if chosen.control or chosen.guest or chosen.severity or chosen.policy or chosen.profile:
        raise UsageError("a saved plan is applied as it is; narrow it with virt-warden plan")
    from virtwarden.report import planjson  # noqa: PLC0415  # only where there is a file to read

    plan = planjson.load(chosen.plan)
    if plan.root != root:
        raise UsageError(f"{chosen.plan} was made for the host below {plan.root}, not below {root}")
    here = host_name(Host(source))
    if plan.host != here:
        raise UsageError(f"{chosen.plan} was made for the host {plan.host}; this is {here}")
    if not chosen.allow_disruptive and any(r.safety is Safety.DISRUPTIVE for r in plan.rewrites):
        raise UsageError(f"{chosen.plan} has disruptive changes: say --allow-disruptive, or plan with --only-safe")
    return plan


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "apply",
        "Change a host as planned. Exit code: 0 done, 1 taken back, 2 not all could be taken back, 3 nothing changed.",
    )
    made.add_argument("plan", nargs="?", metavar="PLAN.json", help="a saved plan; without one it is made now")
    made.add_argument("--root", metavar="DIR", help="change a mounted image; nothing is activated there")
    add_policy(made)
    add_choice(made)
    made.add_argument("--allow-disruptive", action="store_true", help="also what disturbs guests or services")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument("--confirm", type=_seconds, metavar="SECONDS", help="take it back unless confirmed in time")
    made.add_argument(
        "--no-confirm", action="store_true", help="even what can cut the way in needs no confirmation"
    )
    add_state(made)
    return made


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds") from None
    if not 1 <= seconds <= _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {_LONGEST_WAIT} seconds")
    return seconds
