"""From a plan to a changed host: what `apply` and `pki install` share."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from virtwarden.apply import Applying, Done, Judge, Refused, TakenBack
from virtwarden.arming import Arming
from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.state import complaint, in_a_sentence, journal_in, tell
from virtwarden.controls import every_control
from virtwarden.facts.policy import Policy, policy_from
from virtwarden.host import Host, Source
from virtwarden.journal import Journal, now
from virtwarden.model import Plan, Report
from virtwarden.report import plantext
from virtwarden.report.layout import Detail, style_for
from virtwarden.scan import scan
from virtwarden.sources.local import Local
from virtwarden.sources.redact import Redacted
from virtwarden.sources.root import Root
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.undo import Unfinished


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a plan is applied: where its journal is, in how many seconds it has to be confirmed, and below
    which root the files lie that it copies, where that is not the host's own."""

    state: str | None = None
    confirm: float | None = None
    sources: str | None = None


def require_willing(plan: Plan) -> None:
    """Show the plan and ask once. Raises `UsageError` where the answer is no."""
    print(plantext.render(plan, style_for(sys.stdout, detail=Detail.NORMAL)))
    require_yes()


def require_yes() -> None:
    """Ask once. Raises `UsageError` where the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; say --yes")
    if input("Apply this? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was changed")


def carried_out(plan: Plan, source: Source, terms: Terms) -> int:
    """Apply a plan; 0 where the host is as planned, 1 where it was taken back, 2 where even that failed. Raises
    `UsageError` where nothing was changed."""
    journal = journal_in(terms.state)
    arming = Arming(terms.confirm, journal.folder) if terms.confirm else None
    policy = policy_from(plan.policy, where="the plan")
    try:
        with in_a_sentence(), journal.locked() as held, _uninterrupted():
            _require_none_open(journal)
            journal.expire(now())
            keeper = Keeper(plan.root, Programs((held,)), sources=terms.sources)
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
    _tell_end(done, terms)
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


def _tell_end(done: Done, terms: Terms) -> None:
    tell(f"{done.transaction.id}: {done.changed} steps done")
    for when in dict.fromkeys(each.when for each in done.later):
        controls = ", ".join(dict.fromkeys(e.control for e in done.later if e.when == when))
        tell(f"once {when}: {controls}")
    state = f" --state {terms.state}" if terms.state else ""
    if terms.confirm:
        tell(
            f"taken back in {terms.confirm:g} s unless you say, over a new connection: virt-warden confirm{state}"
        )
    tell(f"to have it as it was before: virt-warden rollback {done.transaction.id}{state}")
