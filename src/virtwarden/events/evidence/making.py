"""A bundle is made: the answer, the raw records that it rests on, and what vouches for them.

The bundle appears under its name only when it is whole, readable by its owner alone, and never in the place of another.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from virtwarden import __version__
from virtwarden.complaint import Complaint
from virtwarden.events.evidence import container as tar
from virtwarden.events.evidence import manifest as paper
from virtwarden.events.evidence.answer import Answer, Criteria, encoded, sayable, unfound
from virtwarden.events.evidence.deriving import derived, surroundings
from virtwarden.events.evidence.laid import Laid, Source
from virtwarden.events.evidence.picking import Everything, Read, behind, beside_starts
from virtwarden.events.logs import Log
from virtwarden.events.model import EventId, Skipped

if TYPE_CHECKING:
    from virtwarden.events.evidence.signing import PrivateKey


class NoEvidence(Complaint):
    """No bundle can be made; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When (milliseconds since 1970) and on which host a bundle is made, and the key that signs it."""

    made: int
    host: str
    key: PrivateKey | None = None


def make(path: str, logs: list[Log], criteria: Criteria, occasion: Occasion, skipped: Skipped) -> paper.Manifest:
    """Write the bundle of what the logs answer. Raises `NoEvidence`, `LogError`, and `OSError` where it cannot be
    written."""
    if os.path.lexists(path):
        raise NoEvidence(f"there is something at {path} already, and evidence replaces nothing")
    if len(logs) > paper.MOST_SOURCES:
        raise NoEvidence(f"evidence cannot be of more than {paper.MOST_SOURCES} logs at once")
    answer = derived(logs, criteria, skipped)
    if missing := unfound(criteria, answer):
        raise NoEvidence(
            f"these logs tell of no {' and no '.join(missing)} of a guest as was asked; no bundle is made"
        )
    if not answer.sessions and not answer.events:
        raise NoEvidence("nothing in these logs is as was asked, so there is nothing to prove")
    for basis in paper.Basis:
        with tempfile.TemporaryDirectory(prefix="virt-warden-") as folder:
            laid = Laid(folder)
            sources, runs = _collected(logs, _proof(logs, answer, basis), laid)
            if derived(laid.logs, criteria, Skipped()) == answer:
                told = _Told(answer, criteria, tuple(sources), runs, laid, basis)
                try:
                    return told.written(Path(path), occasion, skipped)
                except tar.BadBundle as wrong:
                    raise NoEvidence(str(wrong)) from None
    raise NoEvidence("the answer does not follow from its own records: this is a defect in virt-warden")


def _proof(logs: list[Log], answer: Answer, basis: paper.Basis) -> set[tuple[str, EventId]]:
    """The records to be taken. Those of the answer alone give it again nearly always; where they do not, because it
    hangs on what was before or beside it, more are taken; none stands for every line."""
    if basis is paper.Basis.LOGS:
        return set()
    proof = answer.proof() | set(beside_starts(logs))
    if basis is paper.Basis.ANSWER:
        return proof
    hosts = {session.host for session in answer.sessions} | {event.host for event in answer.events}
    uuids = {session.uuid for session in answer.sessions}
    uuids |= {event.uuid for event in answer.events if event.uuid}
    return proof | surroundings(logs, hosts, uuids if basis is paper.Basis.GUESTS else None)


def _collected(
    logs: list[Log], proof: set[tuple[str, EventId]], laid: Laid
) -> tuple[list[paper.From], list[paper.Run]]:
    """Lay down these records, every line where none are named; gives the sources, and which runs are from where."""
    wanted = behind(proof) if proof else Everything()
    seen: set[bytes] = set()
    sources: list[paper.From] = []
    runs: list[paper.Run] = []
    for number, log in enumerate(logs):
        read = Read(log)
        for offset, line in read.picked(wanted, Skipped()):
            laid.add(Source(number, log.host), offset, line)
            _note(runs, paper.Run(number, offset, len(line), 1))
        seen |= read.seen
        path, host = sayable(os.path.abspath(log.path)), sayable(log.host)
        sources.append(paper.From(path, host, read.size, read.mtime, read.inode, read.digest))
    laid.close()
    if missing := wanted.missing(seen):
        raise NoEvidence(
            f"the record {missing[0]} is not in the logs any more: they changed while they were read; try again"
        )
    return sources, runs


def _note(runs: list[paper.Run], run: paper.Run) -> None:
    last = runs[-1] if runs else None
    if last is not None and last.source == run.source and last.offset + last.bytes == run.offset:
        runs[-1] = paper.Run(last.source, last.offset, last.bytes + run.bytes, last.lines + 1)
    else:
        runs.append(run)


@dataclass(frozen=True, slots=True)
class _Told:
    """All that goes into a bundle."""

    answer: Answer
    criteria: Criteria
    sources: tuple[paper.From, ...]
    runs: list[paper.Run]
    laid: Laid
    basis: paper.Basis

    def written(self, path: Path, occasion: Occasion, skipped: Skipped) -> paper.Manifest:
        """Write the bundle, whole or not at all."""
        signer = _signer(occasion.key)
        texts = {
            tar.README: paper.readme(signer),
            tar.ORIGINS: msgspec.json.encode(self.runs) + b"\n",
            tar.SESSIONS: encoded(self.answer.sessions),
            tar.EVENTS: encoded(self.answer.events),
        }
        manifest = self._manifest(texts, occasion, signer, skipped)
        texts[tar.MANIFEST] = paper.encoded(manifest)
        signed = _signed(occasion.key, texts[tar.MANIFEST])
        if signed is not None:
            texts[tar.SIGNATURE] = signed
        texts[tar.SUMS] = paper.sums(texts[tar.MANIFEST], manifest.members, signed)
        with _appearing(path) as out:
            for name in tar.ORDER:
                if name == tar.RECORDS:
                    tar.write_member(out, name, self.laid.size, self.laid.chunks(), occasion.made // 1000)
                elif name in texts:
                    tar.write_member(out, name, len(texts[name]), iter((texts[name],)), occasion.made // 1000)
            tar.write_end(out)
        return manifest

    def _manifest(
        self, texts: dict[str, bytes], occasion: Occasion, signer: paper.Signer | None, skipped: Skipped
    ) -> paper.Manifest:
        members = {name: paper.Member(len(text), sha256(text).hexdigest()) for name, text in texts.items()}
        members[tar.RECORDS] = paper.Member(self.laid.size, _digest(self.laid.chunks()))
        times = [id_.millis for _, id_ in self.answer.proof()]
        return paper.Manifest(
            format=paper.FORMAT,
            tool=f"virt-warden {__version__}",
            made=occasion.made,
            host=sayable(occasion.host),
            criteria=_sayable(self.criteria),
            basis=self.basis,
            sources=self.sources,
            records=sum(run.lines for run in self.runs),
            sessions=len(self.answer.sessions),
            events=len(self.answer.events),
            began=min(times, default=None),
            ended=max(times, default=None),
            skipped=paper.left(skipped),
            signer=signer,
            members={name: members[name] for name in paper.COVERED},
        )


def _sayable(criteria: Criteria) -> Criteria:
    words = {name: sayable(getattr(criteria, name) or "") or None for name in ("vm", "uuid", "host")}
    return msgspec.structs.replace(criteria, ids=tuple(map(sayable, criteria.ids)), **words)


def _signer(key: PrivateKey | None) -> paper.Signer | None:
    if key is None:
        return None
    from virtwarden.events.evidence.signing import algorithm, fingerprint  # noqa: PLC0415

    return paper.Signer(algorithm(key.public_key()), fingerprint(key.public_key()))


def _signed(key: PrivateKey | None, data: bytes) -> bytes | None:
    if key is None:
        return None
    from virtwarden.events.evidence.signing import signature  # noqa: PLC0415

    return signature(key, data)


def _digest(chunks: Iterator[bytes]) -> str:
    total = sha256()
    for piece in chunks:
        total.update(piece)
    return total.hexdigest()


class _appearing:  # noqa: N801  # read as a word of its `with`
    """A file that appears under its name only once it is whole and on disk; nobody else can read it at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> BinaryIO:
        handle, self._temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        self._file = os.fdopen(handle, "wb")
        return self._file

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._name()
        finally:
            self._file.close()
            with suppress(FileNotFoundError):
                os.unlink(self._temporary)

    def _name(self) -> None:
        try:
            os.link(self._temporary, self._path)
        except FileExistsError:
            raise NoEvidence(
                f"there is something at {self._path} already, and evidence replaces nothing"
            ) from None
        except OSError:  # a file system without hard links
            os.rename(self._temporary, self._path)
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
