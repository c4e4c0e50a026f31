"""Taking a transaction back: every document that is still as it was written becomes what it was before.

What somebody else has changed since is drift. It is looked for before anything is touched, and nothing is touched
where there is some, unless the roll-back is forced; what it overwrites then is kept in a transaction of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from virtwarden import __version__
from virtwarden.journal import Journal, Transaction, new_id, now
from virtwarden.journal.records import Activating, Applied, Begun, RolledBack, Undoing, Undone, Writing
from virtwarden.journal.transaction import Step
from virtwarden.model import Document
from virtwarden.stores.images import FileImage, Image, Nothing, StateImage, StoreError, TextImage, between, same
from virtwarden.stores.keeper import Keeper

Tell = Callable[[str], None]
BY_THE_WAY = "by the way"
"""What a write changes besides its document, noted around it."""
_LIBVIRTS = ("domain", "nwfilter", "live")


@dataclass(frozen=True, slots=True)
class Drift:
    """A document that somebody changed after us: as it was before, as we left it, and as it is."""

    document: Document
    before: Image
    written: Image
    now: Image


class Drifted(Exception):
    """Nothing was taken back, because these documents were changed since."""

    def __init__(self, drifts: tuple[Drift, ...]) -> None:
        names = ", ".join(str(drift.document) for drift in drifts)
        super().__init__(f"changed since by somebody else: {names}")
        self.drifts = drifts


class Unfinished(Exception):
    """Something could not be taken back; the transaction stays open."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def undo(
    journal: Journal, transaction: Transaction, keeper: Keeper, why: str, tell: Tell, *, force: bool = False
) -> tuple[str, ...]:
    """Take a transaction back; the warnings of what does not run again as it did.

    Raises `Drifted` before anything is touched, `Unfinished` where something could not be taken back, and `OSError`.
    """
    for line in keeper.let_clients_in():
        tell(line)
    forced = force or (transaction.undoing is not None and transaction.undoing.forced)
    drifts = tuple(_drifts(transaction, keeper))
    if drifts and not forced:
        raise Drifted(drifts)
    if drifts:
        backup = _backup(journal, transaction, drifts)
        tell(f"what is overwritten is kept: virt-warden rollback {backup} brings it back")
    journal.reopen(transaction)
    transaction.add(Undoing(now(), why, forced))
    needy = [step for step in _latest_first(transaction) if _needs_libvirt(step)]
    others = [step for step in _latest_first(transaction) if not _needs_libvirt(step)]
    failures = _taken_back(transaction, others, keeper, tell)
    warnings = tuple(_again(transaction, keeper, tell))
    failures += _taken_back(transaction, needy, keeper, tell)
    if failures:
        raise Unfinished((*failures, *warnings))
    transaction.add(RolledBack(now(), warnings))
    journal.close()
    return warnings


def _drifts(transaction: Transaction, keeper: Keeper) -> Iterator[Drift]:
    """Documents that are neither as before nor as we left them. A document may be written twice; what counts is what
    was written last."""
    seen: set[Document] = set()
    for step in _latest_first(transaction):
        if not isinstance(step.begun, Writing) or step.undone or step.begun.document in seen:
            continue
        seen.add(step.begun.document)
        before, written = transaction.before(step), transaction.stored(step) or transaction.after(step)
        try:
            found = keeper.image(step.begun.document, step.begun.edits)
        except StoreError:
            continue  # its keeper may be down through what is taken back here; it is looked at when it is up
        if not same(found, before) and not _ours(transaction, step, found, keeper):
            yield Drift(step.begun.document, before, written, found)


def _ours(transaction: Transaction, step: Step, found: Image, keeper: Keeper) -> bool:
    """Whether a document is as the step left it, or as it may have left it when it was cut short."""
    assert isinstance(step.begun, Writing)
    stored = transaction.stored(step)
    if stored is not None and same(found, stored):
        return True
    before, after = transaction.before(step), transaction.after(step)
    if stored is None or transaction.undoing is not None:
        return between(found, before, stored or after) or keeper.is_spelled(
            step.begun.document, step.begun.edits, found, before
        )
    return False


def _latest_first(transaction: Transaction) -> list[Step]:
    return [transaction.steps[number] for number in sorted(transaction.steps, reverse=True)]


def _needs_libvirt(step: Step) -> bool:
    """Whether only libvirt can take a step back: it may have to be brought up again with its old settings first."""
    if isinstance(step.begun, Writing):
        return step.begun.document.kind in _LIBVIRTS
    return any(touched.document.kind in _LIBVIRTS for touched in step.begun.touched)


def _taken_back(transaction: Transaction, steps: Iterable[Step], keeper: Keeper, tell: Tell) -> tuple[str, ...]:
    failures: list[str] = []
    for step in steps:
        if step.undone:
            continue
        try:
            _step_taken_back(transaction, step, keeper, tell)
        except (StoreError, OSError) as wrong:
            failures.append(str(wrong))
            tell(f"could not be taken back: {wrong}")
        else:
            transaction.add(Undone(step.number))
    return tuple(failures)


def _step_taken_back(transaction: Transaction, step: Step, keeper: Keeper, tell: Tell) -> None:
    if isinstance(step.begun, Writing):
        before = transaction.before(step)
        found = keeper.image(step.begun.document, step.begun.edits)
        is_there = same(found, before)
        if not is_there and not _may_overwrite(transaction, step, found, keeper):
            raise StoreError(f"{step.begun.document} was changed since by somebody else")
        if not is_there or step.done is None:  # one that was cut short may have left something beside it
            keeper.put_back(step.begun.document, before)
        if not is_there:
            tell(f"{step.begun.document}: as before")
        return
    for document, before, stored in transaction.touched(step):
        found = keeper.image(document)
        if same(found, before):
            continue
        if stored is None or same(found, stored):
            keeper.put_back(document, before)
            tell(f"{document}: as before")


def _may_overwrite(transaction: Transaction, step: Step, found: Image, keeper: Keeper) -> bool:
    """Whether a document is as we left it, or its overwriting was asked for, or an earlier step of ours is what was
    left of it."""
    forced = transaction.undoing is not None and transaction.undoing.forced
    return forced or not _needs_libvirt(step) or _ours(transaction, step, found, keeper)


def _again(transaction: Transaction, keeper: Keeper, tell: Tell) -> Iterator[str]:
    """Tell the running system of what was taken back, once each, in the order in which it was told before."""
    activations = [s.begun.activation for s in transaction.steps.values() if isinstance(s.begun, Activating)]
    for activation in dict.fromkeys(each for each in activations if each.verb != BY_THE_WAY):
        try:
            for line in keeper.activate_again(activation):
                tell(line)
        except StoreError as wrong:
            yield f"{activation}: {wrong}"


def _backup(journal: Journal, transaction: Transaction, drifts: Iterable[Drift]) -> str:
    """Keep what a forced roll-back overwrites, as a transaction that can itself be taken back."""
    begun = Begun(
        new_id(), now(), __version__, transaction.begun.host, transaction.begun.root, transaction.begun.who,
        os.getpid(), of=transaction.id,
    )  # fmt: skip
    kept = journal.keep(begun)
    for drift in drifts:
        kept.written(kept.writing(drift.document, drift.now, drift.before), drift.before)
    kept.add(Applied(now()))
    return kept.id


def texts_of(drift: Drift) -> tuple[str | None, str | None, str | None]:
    """The three texts of a document: before, as written, now. None where there was nothing."""
    return _text(drift.before), _text(drift.written), _text(drift.now)


def _text(image: Image) -> str | None:
    match image:
        case Nothing():
            return None
        case TextImage(text):
            return text
        case StateImage(words, links):
            lines = [f"{name}: {word}" for name, word in words.items()]
            return "\n".join([*lines, *(f"{path} -> {target}" for path, target in links.items())]) + "\n"
        case FileImage():
            parts = (("mode", image.mode if image.mode is None else f"{image.mode:04o}"),
                     ("owner", image.uid), ("group", image.gid))  # fmt: skip
            said = "".join(f"# {what} {value}\n" for what, value in parts if value is not None)
            return said + (image.data or b"").decode("utf-8", "surrogateescape")
