"""Making a plan true: each write is noted before it is done, and all of it is judged at the end.

Whatever goes wrong on the way, the host ends as it was, or the journal says what is left to take back.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from virtwarden import __version__
from virtwarden.arming import Arming, boot_id, since_boot
from virtwarden.edits import SetMode
from virtwarden.host import Source, Unknown
from virtwarden.journal import Journal, Transaction, new_id, now
from virtwarden.journal.records import Applied, Begun
from virtwarden.journal.sealing import BrokenSeal
from virtwarden.livechanges import live_edits
from virtwarden.model import (
    Activation,
    Document,
    Expectation,
    Finding,
    Outcome,
    Plan,
    Report,
    Result,
    Rewrite,
)
from virtwarden.plan import digest_of
from virtwarden.stores.images import Image, Nothing, StoreError, same
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.live import NotLive
from virtwarden.undo import BY_THE_WAY, Drifted, Tell, Unfinished, undo

Judge = Callable[[Sequence[str]], Report]


class Refused(Exception):
    """Nothing was changed; the message says why in one sentence."""


class TakenBack(Exception):
    """Something went wrong and the host is as it was before; `warnings` say what does not run as it did."""

    def __init__(self, why: str, warnings: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.warnings = warnings


@dataclass(frozen=True, slots=True)
class Done:
    """An applied plan: its transaction, how many documents changed, and what shows only later."""

    transaction: Transaction
    changed: int
    later: tuple[Expectation, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applying:
    """What it takes to apply a plan: where to note, where to write, how to judge, whom to tell."""

    journal: Journal
    keeper: Keeper
    source: Source
    judge: Judge
    tell: Tell
    arming: Arming | None = None

    def apply(self, plan: Plan) -> Done:
        """Make the plan true. The caller holds the journal's lock.

        Raises `Refused` before anything is changed, `TakenBack` where it went wrong and was taken back, `Unfinished`
        where even that failed, and whatever interrupted it, once all is taken back.
        """
        for line in self.keeper.let_clients_in():
            self.tell(line)
        self._refuse_drift(plan)
        transaction = self._begin(plan)
        try:
            notes = tuple(self._make(plan, transaction))
            self._verify(plan)
            self._finish(transaction)
        except BaseException as wrong:
            warnings = self._take_back(transaction, str(wrong) or type(wrong).__name__)
            if isinstance(wrong, StoreError | OSError):
                raise TakenBack(str(wrong), warnings) from None
            raise
        changed = sum(1 for step in transaction.steps.values() if step.done is not None)
        return Done(transaction, changed, tuple(e for e in plan.expected if e.when), notes)

    def _refuse_drift(self, plan: Plan) -> None:
        """Refuse a plan that was made for other texts than are there now."""
        drifted: list[str] = []
        for rewrite in plan.rewrites:
            if not rewrite.path:
                continue
            try:
                if digest_of(self.source, rewrite) != rewrite.digest:
                    drifted.append(rewrite.path)
                self.keeper.require_sources(rewrite)
            except (Unknown, StoreError) as refused:
                raise Refused(str(refused)) from None
        if drifted:
            raise Refused(f"changed since the plan was made: {', '.join(drifted)}; make a new plan")

    def _begin(self, plan: Plan) -> Transaction:
        begun = Begun(
            new_id(), now(), __version__, plan.host, plan.root, _who(), os.getpid(), plan.controls,
            None if self.arming is None else self.arming.seconds,
        )  # fmt: skip
        try:
            transaction = self.journal.begin(begun, self.keeper.room_for(plan.rewrites))
        except OSError as error:
            raise Refused(
                f"the journal in {self.journal.folder}: {(error.strerror or str(error)).lower()}"
            ) from None
        if self.arming is not None:
            try:
                self.arming.arm(transaction.id)
            except (StoreError, OSError) as wrong:
                self._take_back(transaction, str(wrong))
                raise Refused(f"the roll-back timer could not be set: {wrong}") from None
        return transaction

    def _make(self, plan: Plan, transaction: Transaction) -> Iterator[str]:
        """Every write, then every activation; what a person should know of them."""
        total = len(plan.rewrites) + len(plan.activations)
        for number, rewrite in enumerate(plan.rewrites, 1):
            how = self._write(transaction, rewrite)
            self.tell(f"[{number}/{total}] {rewrite.document}: {how}")
        for number, activation in enumerate(plan.activations, len(plan.rewrites) + 1):
            why_not = self.keeper.why_not(activation)
            if why_not:
                self.tell(f"[{number}/{total}] {activation}: {why_not}")
                yield f"{activation}: {why_not}"
                continue
            self.keeper.check(activation)
            touched = {document: self.keeper.image(document) for document in self.keeper.touches(activation)}
            step = transaction.activating(activation, touched)
            remark = self.keeper.activate(activation)
            transaction.activated(step, [self.keeper.image(document) for document in touched])
            self.tell(f"[{number}/{total}] {activation}: {remark or 'done'}")
            if remark:
                yield f"{activation}: {remark}"

    def _write(self, transaction: Transaction, rewrite: Rewrite) -> str:
        """Write one document, and before it the directories that it needs."""
        document, edits = rewrite.document, rewrite.edits
        before = self.keeper.image(document, edits)
        after = self.keeper.edited(document, before, edits)
        if same(before, after):
            return "so already"
        for name in self.keeper.missing_directories(document, after):
            directory, made = Document("directory", name), self.keeper.new_directory()
            step = transaction.writing(directory, Nothing(), made, _OF_DIRECTORIES)
            transaction.written(step, self.keeper.put(directory, made))
        live = self._live(rewrite)
        touched = {each: self.keeper.image(each) for each in self.keeper.by_the_way(document)}
        around = transaction.activating(Activation(BY_THE_WAY, document.name), touched) if touched else 0
        step = transaction.writing(document, before, after, edits, rewrite.controls)
        transaction.written(step, self.keeper.put(document, after))
        if around:
            transaction.activated(around, [self.keeper.image(each) for each in touched])
        return ("written" if rewrite.path else "set") + self._write_live(transaction, rewrite, live)

    def _live(self, rewrite: Rewrite) -> Image:
        """What a running guest has of what the rewrite changes, before its definition is another one."""
        if rewrite.document.kind != "domain" or not self.keeper.runs or not live_edits(rewrite.edits):
            return Nothing()
        return self.keeper.image(Document("live", rewrite.document.name), rewrite.edits)

    def _write_live(self, transaction: Transaction, rewrite: Rewrite, before: Image) -> str:
        """Have the running guest take what it can at once; what is to be told of that."""
        document, edits = Document("live", rewrite.document.name), rewrite.edits
        if isinstance(before, Nothing):
            return ""
        try:
            after = self.keeper.edited(document, before, edits)
            if same(before, after):
                return ""
            step = transaction.writing(document, before, after, edits, rewrite.controls)
            transaction.written(step, self.keeper.put(document, after))
        except NotLive as refused:
            if transaction.steps[max(transaction.steps)].done is None:
                transaction.written(max(transaction.steps), self.keeper.image(document, edits))
            return f"; the running guest takes it at its next start ({refused})"
        return ", in the running guest too"

    def _verify(self, plan: Plan) -> None:
        """Judge the planned controls again. Raises `StoreError` where one that should pass now does not."""
        wanted = [each for each in plan.expected if not each.when]
        if not wanted:
            return
        self.tell("judging the host again")
        report = self.judge(tuple(dict.fromkeys(each.control for each in wanted)))
        outcomes = {outcome.control: outcome for outcome in report.outcomes}
        judged = ((expectation, _against(expectation, outcomes[expectation.control])) for expectation in wanted)
        left = [(expectation, finding) for expectation, finding in judged if finding is not None]
        if left:
            expectation, finding = left[0]
            more = f", and {len(left) - 1} more" if len(left) > 1 else ""
            told = f"{expectation.control} still says of {finding.subject}: {finding.message}"
            raise StoreError(f"{told}{more}")

    def _finish(self, transaction: Transaction) -> None:
        if self.arming is None:
            transaction.add(Applied(now()))
            self.journal.close()
            return
        transaction.add(Applied(now(), since_boot() + self.arming.seconds, boot_id()))

    def _take_back(self, transaction: Transaction, why: str) -> tuple[str, ...]:
        self.tell(f"{why}: taking everything back")
        try:
            return undo(self.journal, transaction, self.keeper, why, self.tell)
        except (Drifted, StoreError, BrokenSeal, OSError) as wrong:
            raise Unfinished((str(wrong),)) from None


def _against(expectation: Expectation, outcome: Outcome) -> Finding | None:
    """What speaks against a failure's being mended: that it is there still, or that the control says nothing of it
    because it could not judge the whole host, as it could before. None where nothing does."""
    about = [f for f in outcome.findings if (f.subject, f.state) == (expectation.subject, expectation.state)]
    if about or expectation.partly:
        return next((f for f in about if f.result in _NOT_HEALED), None)
    return outcome.cut_short()


def _who() -> str:
    """The person who applies, as far as sudo or the system tells."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


_NOT_HEALED = (Result.FAIL, Result.UNKNOWN, Result.ERROR)
_OF_DIRECTORIES = (SetMode(),)
