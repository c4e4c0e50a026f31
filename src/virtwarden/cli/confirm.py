"""`virt-warden confirm`: keeps what was applied with `--confirm`."""

from __future__ import annotations

from virtwarden.arming import boot_id, disarm, since_boot
from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.state import add_state, complaint, in_a_sentence, journal_in
from virtwarden.journal import Status, Transaction, now
from virtwarden.journal.records import Confirmed


def run(words: list[str]) -> int:
    """Confirm the transaction that waits for it."""
    chosen = options().parse_args(words)
    journal = journal_in(chosen.state)
    with in_a_sentence(), journal.locked():
        found = journal.open_transaction()
        if found is None:
            raise UsageError("nothing waits to be confirmed")
        if chosen.id not in (None, found.id):
            raise UsageError(f"{chosen.id} does not wait to be confirmed; {found.id} does")
        _require_in_time(found)
        found.add(Confirmed(now()))
        journal.close()
    disarm(found.id)
    print(f"{found.id} is kept; virt-warden rollback {found.id} takes it back")
    return PASSED


def _require_in_time(found: Transaction) -> None:
    if found.status is not Status.UNCONFIRMED or found.applied is None or found.applied.until is None:
        raise UsageError(complaint(found))
    if found.applied.boot == boot_id() and since_boot() > found.applied.until:
        raise UsageError(f"the time to confirm {found.id} is over; it is being taken back")


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "confirm", "Keep what was applied with --confirm. Exit code: 0 kept, 3 there was nothing to keep."
    )
    made.add_argument("id", nargs="?", metavar="ID", help="the transaction, to be sure which")
    add_state(made)
    return made
