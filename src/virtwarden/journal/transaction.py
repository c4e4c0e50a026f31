"""A transaction as its journal tells it: what was to be done, what was done, and what was taken back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import msgspec

from virtwarden.edits import Edit
from virtwarden.journal.records import (
    Activated,
    Activating,
    Applied,
    Begun,
    Confirmed,
    Record,
    RolledBack,
    Touched,
    Undoing,
    Undone,
    Writing,
    Written,
)
from virtwarden.journal.sealing import Sealer
from virtwarden.model import Activation, Document
from virtwarden.stores.images import Image

_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode


class BadJournal(Exception):
    """A journal cannot be read; the message says which, where and why."""


class Status(StrEnum):
    """How far a transaction came."""

    INTERRUPTED = "interrupted"
    UNCONFIRMED = "not confirmed yet"
    APPLIED = "applied"
    UNDOING = "half taken back"
    ROLLED_BACK = "rolled back"


@dataclass(slots=True)
class Step:
    """One write or activation. `done` is whether it came to its end, `undone` whether it was taken back."""

    number: int
    begun: Writing | Activating
    done: Written | Activated | None = None
    undone: bool = False


@dataclass(slots=True)
class Transaction:
    """One transaction: its records so far, and the file to which further ones are added."""

    path: Path
    sealer: Sealer
    begun: Begun
    steps: dict[int, Step] = field(default_factory=dict)
    applied: Applied | None = None
    confirmed: Confirmed | None = None
    undoing: Undoing | None = None
    rolled_back: RolledBack | None = None

    @property
    def id(self) -> str:
        """Its name."""
        return self.begun.id

    @property
    def status(self) -> Status:
        """How far it came."""
        if self.rolled_back is not None:
            return Status.ROLLED_BACK
        if self.undoing is not None:
            return Status.UNDOING
        if self.applied is None:
            return Status.INTERRUPTED
        return Status.UNCONFIRMED if self.applied.until is not None and self.confirmed is None else Status.APPLIED

    @property
    def finished(self) -> bool:
        """Whether nothing has to be done for it any more."""
        return self.status in (Status.APPLIED, Status.ROLLED_BACK)

    # --- what is said of it ----------------------------------------------------------------------

    def writing(
        self,
        document: Document,
        before: Image,
        after: Image,
        edits: tuple[Edit, ...] = (),
        controls: tuple[str, ...] = (),
    ) -> int:
        """Note that a document is about to be written; the number of the step."""
        step = len(self.steps) + 1
        sealed = (self._sealed(before, step, "before"), self._sealed(after, step, "after"))
        self.add(Writing(step, document, *sealed, edits, controls))
        return step

    def written(self, step: int, stored: Image) -> None:
        """Note that it was written."""
        self.add(Written(step, self._sealed(stored, step, "stored")))

    def activating(self, activation: Activation, touched: dict[Document, Image]) -> int:
        """Note that an activation is about to be done, and what it touches; the number of the step."""
        step = len(self.steps) + 1
        images = tuple(
            Touched(document, self._sealed(image, step, f"before {number}"))
            for number, (document, image) in enumerate(touched.items())
        )
        self.add(Activating(step, activation, images))
        return step

    def activated(self, step: int, stored: list[Image]) -> None:
        """Note that it was done."""
        self.add(Activated(step, tuple(self._sealed(each, step, f"stored {n}") for n, each in enumerate(stored))))

    def before(self, step: Step) -> Image:
        """The image of a written document from before."""
        assert isinstance(step.begun, Writing)
        return self._opened(step.begun.before, step.number, "before")

    def after(self, step: Step) -> Image:
        """The image that was to be written."""
        assert isinstance(step.begun, Writing)
        return self._opened(step.begun.after, step.number, "after")

    def stored(self, step: Step) -> Image | None:
        """The image that was there once it was written; None where it never came so far."""
        return (
            None if not isinstance(step.done, Written) else self._opened(step.done.stored, step.number, "stored")
        )

    def touched(self, step: Step) -> list[tuple[Document, Image, Image | None]]:
        """What an activation touched: the document, its image from before, and that from afterwards if it ended."""
        assert isinstance(step.begun, Activating)
        later = step.done.stored if isinstance(step.done, Activated) else ()
        return [
            (
                each.document,
                self._opened(each.before, step.number, f"before {n}"),
                self._opened(later[n], step.number, f"stored {n}") if n < len(later) else None,
            )
            for n, each in enumerate(step.begun.touched)
        ]

    def _sealed(self, image: Image, step: int, part: str) -> str:
        return self.sealer.sealed(image, f"{self.id}/{step}/{part}")

    def _opened(self, sealed: str, step: int, part: str) -> Image:
        return self.sealer.opened(sealed, f"{self.id}/{step}/{part}")

    # --- the file --------------------------------------------------------------------------------

    def add(self, record: Record) -> None:
        """Write a record, and have it on disk before anything else is done. Raises `OSError`."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            _cut_to_whole_lines(descriptor)
            _write_whole(descriptor, _encode(record) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._take(record)

    def _take(self, record: Record) -> None:
        match record:
            case Begun():
                self.begun = record
            case Writing() | Activating():
                self.steps[record.step] = Step(record.step, record)
            case Written() | Activated():
                self.steps[record.step].done = record
            case Applied():
                self.applied = record
            case Confirmed():
                self.confirmed = record
            case Undoing():
                self.undoing = record
            case Undone():
                self.steps[record.step].undone = True
            case RolledBack():
                self.rolled_back = record
            case _:
                assert_never(record)


def load(path: Path, sealer: Sealer) -> Transaction:
    """The transaction of a journal file. A last line that was cut short announces nothing that was done. Raises
    `BadJournal`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadJournal(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    return told_by(path, data, sealer)


def told_by(path: Path, data: bytes, sealer: Sealer) -> Transaction:
    """The transaction that a journal file with this content tells of. Raises `BadJournal`."""
    whole = data[: data.rfind(b"\n") + 1]
    transaction: Transaction | None = None
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            record = _decode(line)
            if transaction is None:
                if not isinstance(record, Begun):
                    raise BadJournal(f"{path}:{number}: no beginning of a transaction")
                transaction = Transaction(path, sealer, record)
            else:
                transaction._take(record)  # it is built from its own records here
        except (msgspec.DecodeError, UnicodeError, KeyError, RecursionError) as wrong:
            raise BadJournal(f"{path}:{number}: {wrong}") from None
    if transaction is None:
        raise BadJournal(f"{path} is empty")
    return transaction


def now() -> datetime:
    """The time that journals note."""
    return datetime.now(UTC)


def _cut_to_whole_lines(descriptor: int) -> None:
    """Take away a last line that was cut short, so that the next one does not become part of it."""
    size = os.fstat(descriptor).st_size
    at = size
    while at and os.pread(descriptor, 1, at - 1) != b"\n":
        at -= 1
    if at != size:
        os.ftruncate(descriptor, at)


def _write_whole(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
