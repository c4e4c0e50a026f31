"""`virt-warden apply`: changes a host as a plan says, so that it can be taken back."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from virtwarden.apply import Applying, Done, Judge, Refused, TakenBack
from virtwarden.arming import Arming
from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.options import add_choice, add_policy, chosen_controls, policy_of
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.planning import planned
from virtwarden.cli.state import add_state, complaint, in_a_sentence, journal_in, tell
from virtwarden.controls import every_control
from virtwarden.facts.policy import Policy, policy_from
from virtwarden.host import Host, Source
from virtwarden.journal import Journal, now
from virtwarden.model import Plan, Report, Safety
from virtwarden.report import plantext
from virtwarden.report.layout import Detail, style_for
from virtwarden.scan import host_name, scan
from virtwarden.sources.local import Local
from virtwarden.sources.redact import Redacted
from virtwarden.sources.root import Root
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.undo import Unfinished

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
    _require_willing(chosen, plan)
    arming = Arming(chosen.confirm, journal_in(chosen.state).folder) if chosen.confirm else None
    return _applied(chosen, plan, source, arming)


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


def _require_willing(chosen: argparse.Namespace, plan: Plan) -> None:
    """Show the plan and ask once."""
    if plan.root == "/" and any(r.cuts for r in plan.rewrites) and not (chosen.confirm or chosen.no_confirm):
        names = ", ".join(sorted({str(r.document) for r in plan.rewrites if r.cuts}))
        raise UsageError(f"{names} can cut the way you manage this host: say --confirm SECONDS, or --no-confirm")
    if chosen.yes:
        return
    print(plantext.render(plan, style_for(sys.stdout, detail=Detail.NORMAL)))
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; say --yes")
    if input("Apply this? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was changed")


def _applied(chosen: argparse.Namespace, plan: Plan, source: Source, arming: Arming | None) -> int:
    journal = journal_in(chosen.state)
    policy = policy_from(plan.policy, where="the plan")
    try:
        with in_a_sentence(), journal.locked() as held, _uninterrupted():
            _require_none_open(journal)
            journal.expire(now())
            keeper = Keeper(plan.root, Programs((held,)))
            judge = _judge(policy, plan.root)
            done = Applying(journal, keeper, source, judge, tell, arming).apply(plan)
    except Refused as refused:
        raise UsageError(f"nothing was changed: {refused}") from None
    except TakenBack as wrong:
        tell(f"virt-warden: {wrong}; everything is as it was before")
        for warning in wrong.warnings:
            tell(f"virt-warden: but look at {warning}")
        return FAILED
    except Unfinished as wrong:
        tell(f"virt-warden: {wrong}; not everything could be taken back: mend this and run virt-warden rollback")
        return UNKNOWN
    _tell_end(done, chosen)
    return PASSED


def _require_none_open(journal: Journal) -> None:
    found = journal.open_transaction()
    if found is not None:
        raise UsageError(complaint(found))


def _judge(policy: Policy, root: str) -> Judge:
    known = {control.id: control for control in every_control()}

    def judge(ids: Sequence[str]) -> Report:
        source: Source = Local() if root == "/" else Root(root)
        return scan(Host(Redacted(source), policy), [known[id_] for id_ in ids])

    return judge


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A lost connection does not stop an apply; being told to end does, and takes it back first."""
    before = {
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, _interrupt),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _tell_end(done: Done, chosen: argparse.Namespace) -> None:
    tell(f"{done.transaction.id}: {done.changed} steps done")
    for when in dict.fromkeys(each.when for each in done.later):
        controls = ", ".join(dict.fromkeys(e.control for e in done.later if e.when == when))
        tell(f"once {when}: {controls}")
    state = f" --state {chosen.state}" if chosen.state else ""
    if chosen.confirm:
        tell(
            f"taken back in {chosen.confirm:g} s unless you say, over a new connection: virt-warden confirm{state}"
        )
    tell(f"to have it as it was before: virt-warden rollback {done.transaction.id}{state}")


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
