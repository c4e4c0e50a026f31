"""Which journal a command works with, and the words in which its transactions are told of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from virtwarden.cli import UsageError
from virtwarden.cli.parsing import Parser
from virtwarden.journal import BadJournal, Busy, Journal, Status, Transaction
from virtwarden.journal.sealing import BrokenSeal
from virtwarden.statefolder import SYSTEM, default_folder
from virtwarden.stores.images import StoreError


def add_state(parser: Parser) -> None:
    """The option that says where journals are kept."""
    parser.add_argument("--state", metavar="DIR", help=f"where journals are kept (default: {SYSTEM} for root)")


def journal_in(named: str | None) -> Journal:
    """The journal that an option names, or the usual one."""
    return Journal(Path(named or default_folder()).absolute())


def tell(line: str) -> None:
    """Print a line of progress. A terminal that is gone must not stop what is being done."""
    with suppress(OSError, ValueError):
        print(line, flush=True)
        return
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for as long as we live


@contextmanager
def in_a_sentence(ending: str = "") -> Iterator[None]:
    """Whatever a journal or a store cannot do becomes the one sentence that the user sees."""
    try:
        yield
    except Busy as busy:
        raise UsageError(f"{busy}; wait for its end") from None
    except PermissionError as refused:
        raise UsageError(f"{refused.filename}: permission denied; run it as the user who applied") from None
    except (BadJournal, BrokenSeal, StoreError) as wrong:
        raise UsageError(f"{wrong}{ending}") from None
    except OSError as wrong:
        raise UsageError(f"{wrong.filename or 'the journal'}: {(wrong.strerror or str(wrong)).lower()}") from None


def complaint(transaction: Transaction) -> str:
    """What is open, and how to go on."""
    id_ = transaction.id
    match transaction.status:
        case Status.UNCONFIRMED:
            return (
                f"{id_} is applied and waits to be confirmed: virt-warden confirm keeps it, "
                f"virt-warden rollback takes it back"
            )
        case Status.UNDOING:
            return f"the roll-back of {id_} did not come to its end: run virt-warden rollback"
    return (
        f"{id_} was interrupted while it was applied: run virt-warden rollback to have the host as it was before"
    )


def require_none_open(words: Sequence[str]) -> None:
    """Raises `UsageError` where a transaction on this machine is not finished."""
    named = _named(words)
    folders = [named] if named else [default_folder(), SYSTEM]
    for folder in dict.fromkeys(folders):
        if os.path.lexists(f"{folder}/open"):
            _require_finished(Journal(Path(folder)))


def _require_finished(journal: Journal) -> None:
    try:
        found = journal.open_transaction()
        if found is None:
            return
        if found.status in (Status.INTERRUPTED, Status.UNDOING):
            with journal.locked():
                pass
        raise UsageError(complaint(found))
    except Busy as busy:
        raise UsageError(f"{busy}; wait for its end") from None
    except PermissionError:
        raise UsageError(f"a change of this host is not finished: root has to look at {journal.folder}") from None
    except (BadJournal, BrokenSeal, OSError) as wrong:
        raise UsageError(
            f"a change of this host is not finished, and its journal cannot be read: {wrong}"
        ) from None


def _named(words: Sequence[str]) -> str | None:
    for number, word in enumerate(words):
        if word == "--state":
            return next(iter(words[number + 1 :]), None)
        if word.startswith("--state="):
            return word.partition("=")[2]
    return None
