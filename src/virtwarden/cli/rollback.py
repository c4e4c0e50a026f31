"""`virt-warden rollback`: takes an applied or interrupted plan back."""

from __future__ import annotations

import signal
import time

from virtwarden.arming import boot_id, disarm, since_boot
from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.state import add_state, in_a_sentence, journal_in, tell
from virtwarden.difference import difference
from virtwarden.journal import Busy, Journal, Status, Transaction
from virtwarden.places import path_of
from virtwarden.report.visible import visible_lines
from virtwarden.stores.images import StoreError
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.undo import Drift, Drifted, Unfinished, texts_of, undo

_PATIENCE = 60.0


def run(words: list[str]) -> int:
    """Roll back: 0 where the host is as before, 1 where somebody changed it since, 2 where it could not all be
    taken back."""
    chosen = options().parse_args(words)
    journal = journal_in(chosen.state)
    if chosen.unless_confirmed:
        with in_a_sentence():
            return _watched(journal, chosen.id or _open(journal).id)
    with in_a_sentence(), journal.locked(_PATIENCE if chosen.wait else 2.0) as held:
        return _rolled_back(journal, _found(journal, chosen.id), held, "asked for", chosen.force)


def _found(journal: Journal, id_: str | None) -> Transaction:
    """The transaction that is meant: the one named, the open one, or the last that was applied."""
    open_one = journal.open_transaction()
    if id_ is None and open_one is not None:
        return open_one
    if id_ is None:
        applied = next(
            (each for each in journal.history() if each.status is Status.APPLIED and not each.begun.of), None
        )
        if applied is None:
            raise UsageError("there is nothing to take back")
        return applied
    found = journal.find(id_)
    if found is None:
        raise UsageError(f"there is no transaction {id_}; virt-warden history lists them")
    if open_one is not None and open_one.id != id_:
        raise UsageError(f"{open_one.id} is not finished and comes first: virt-warden rollback {open_one.id}")
    if found.status is Status.ROLLED_BACK:
        raise UsageError(f"{id_} was taken back already")
    return found


def _open(journal: Journal) -> Transaction:
    found = journal.open_transaction()
    if found is None:
        raise UsageError("nothing waits to be confirmed")
    return found


def _rolled_back(journal: Journal, found: Transaction, held: int, why: str, force: bool) -> int:
    keeper = Keeper(found.begun.root, Programs((held,)))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        warnings = undo(journal, found, keeper, why, tell, force=force)
    except Drifted as drifted:
        _show(drifted.drifts)
        tell(f"virt-warden: {drifted}; nothing was taken back: --force overwrites it, and keeps it first")
        return FAILED
    except (Unfinished, StoreError, OSError) as wrong:
        tell(f"virt-warden: {wrong}; {found.id} stays open: mend this and run virt-warden rollback again")
        return UNKNOWN
    for warning in warnings:
        tell(f"virt-warden: but look at {warning}")
    disarm(found.id)
    tell(f"{found.id} is taken back")
    return PASSED


def _show(drifts: tuple[Drift, ...]) -> None:
    """The three texts of each document, as two differences: what we wrote, and what was changed after."""
    for drift in drifts:
        before, written, now = texts_of(drift)
        path = path_of(drift.document) or str(drift.document)
        for title, old, new in (("virt-warden wrote", before, written), ("changed since", written, now)):
            tell(f"{drift.document}: {title}")
            for line in visible_lines(difference(path, old, new)):
                tell(f"  {line}")


def _watched(journal: Journal, id_: str) -> int:
    """Wait until the time to confirm is over, and take it back then."""
    while True:
        found = journal.find(id_)
        if found is None or found.finished:
            return PASSED
        left = _left(found)
        if left > 0:
            time.sleep(min(left, 1.0))
            continue
        try:
            with journal.locked() as held:
                found = journal.find(found.id)
                if found is None or found.finished:
                    return PASSED
                if _left(found) <= 0:
                    return _rolled_back(journal, found, held, "not confirmed in time", force=False)
        except Busy:
            time.sleep(0.5)


def _left(found: Transaction) -> float:
    """The seconds that are left to confirm it; none where it was cut short."""
    if found.applied is None or found.applied.until is None or found.applied.boot != boot_id():
        return 0.0
    return found.applied.until - since_boot()


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "rollback",
        "Take a plan back. Exit code: 0 done, 1 changed since by somebody, 2 not all was taken back, 3 nothing done.",
    )
    made.add_argument("id", nargs="?", metavar="ID", help="the transaction (default: the open one, else the last)")
    made.add_argument("--force", action="store_true", help="overwrite what was changed since; it is kept first")
    made.add_argument("--wait", action="store_true", help=f"wait up to {_PATIENCE:g} s for a running apply to end")
    made.add_argument(
        "--unless-confirmed", action="store_true", help="wait for the time to confirm to be over first"
    )
    add_state(made)
    return made
