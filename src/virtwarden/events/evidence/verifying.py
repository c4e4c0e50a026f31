"""A bundle is checked: its form, its digests, its signature, that the answer follows from the records, and, where logs
are given, that the records stand in them.

Every check says its own sentence, and the first that fails does not keep the others from being made as far as they can.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING

from virtwarden.events.evidence import container as tar
from virtwarden.events.evidence import manifest as paper
from virtwarden.events.evidence.answer import TooMany, encoded
from virtwarden.events.evidence.deriving import derived
from virtwarden.events.evidence.laid import Laid, Source
from virtwarden.events.evidence.picking import Everything, Read, like
from virtwarden.events.logs import Log
from virtwarden.events.model import Skipped

if TYPE_CHECKING:
    from virtwarden.events.evidence.signing import Checker


_LEAST = 100
"""No session or event takes fewer bytes in an answer."""


class Held(Enum):
    """How a check came out."""

    TRUE = "true"
    FALSE = "false"
    UNTOLD = "untold"
    NOTE = "note"  # nothing was checked, and a reader should know


@dataclass
class Verdict:
    """What the checks said; it is sound where none failed and none could not be made."""

    said: list[tuple[Held, str]] = field(default_factory=list)
    manifest: paper.Manifest | None = None

    def say(self, held: Held, sentence: str) -> None:
        """Note how a check came out."""
        self.said.append((held, sentence))

    @property
    def held(self) -> Held:
        """The worst of all checks."""
        came = {held for held, _ in self.said}
        return next((held for held in (Held.FALSE, Held.UNTOLD) if held in came), Held.TRUE)


def verify(path: str, checker: Checker | None, against: Sequence[Log] | None) -> Verdict:
    """Check a bundle. Raises `OSError` where it cannot be read, `LogError` where the logs cannot."""
    verdict = Verdict()
    try:
        with closing(tar.open_bundle(path)) as file:
            _check(tar.opened(file), checker, against, verdict)
    except tar.BadBundle as wrong:
        verdict.say(Held.FALSE, str(wrong))
    return verdict


def _check(bundle: tar.Bundle, checker: Checker | None, against: Sequence[Log] | None, verdict: Verdict) -> None:
    text = bundle.read(tar.MANIFEST)
    manifest = verdict.manifest = paper.decoded(text)
    if paper.encoded(manifest) != text or manifest.made // 1000 != bundle.made:
        raise tar.BadBundle(f"{tar.MANIFEST} is not as virt-warden writes it")
    _check_digests(bundle, manifest, text)
    verdict.say(Held.TRUE, "no member was changed, added, removed or reordered")
    _check_signature(bundle, manifest, text, checker, verdict)
    _check_answer(bundle, manifest, verdict)
    if against is not None:
        _check_against(bundle, manifest, against, verdict)


def _check_digests(bundle: tar.Bundle, manifest: paper.Manifest, text: bytes) -> None:
    for name, member in manifest.members.items():
        if bundle.spans[name].size != member.bytes or bundle.digest(name) != member.sha256:
            raise tar.BadBundle(f"{name} was changed: its SHA-256 is not the one that {tar.MANIFEST} names")
    signed = bundle.read(tar.SIGNATURE) if tar.SIGNATURE in bundle.spans else None
    if (signed is not None) != (manifest.signer is not None):
        word = "is missing" if signed is None else "was added"
        raise tar.BadBundle(f"{tar.SIGNATURE} {word}")
    if bundle.read(tar.SUMS) != paper.sums(text, manifest.members, signed):
        raise tar.BadBundle(f"a member was changed: {tar.SUMS} has the SHA-256 of another one")
    if bundle.read(tar.README) != paper.readme(manifest.signer):
        raise tar.BadBundle(f"{tar.README} is not as virt-warden writes it")


def _check_signature(
    bundle: tar.Bundle, manifest: paper.Manifest, text: bytes, checker: Checker | None, verdict: Verdict
) -> None:
    if manifest.signer is None:
        if checker is None:
            verdict.say(Held.NOTE, "it is not signed: the digests show mishaps, and anybody can have made it")
        else:
            verdict.say(Held.FALSE, "it is not signed")
        return
    if checker is None:
        verdict.say(
            Held.UNTOLD, f"it is signed ({manifest.signer.algorithm}), and --key says by whom it should be"
        )
        return
    from virtwarden.events.evidence.signing import algorithm, fingerprint, is_signed_by  # noqa: PLC0415

    if fingerprint(checker.key) != manifest.signer.key:
        verdict.say(Held.FALSE, "it is signed by another key than the one that was given")
    elif algorithm(checker.key) != manifest.signer.algorithm or not is_signed_by(
        checker.key, bundle.read(tar.SIGNATURE), text
    ):
        verdict.say(Held.FALSE, "the signature is not of this manifest")
    else:
        whose = f" of {checker.owner}" if checker.owner else ""
        verdict.say(Held.TRUE, f"it is signed by the given key{whose} ({manifest.signer.algorithm})")
        if checker.valid and not checker.valid[0] <= manifest.made / 1000 <= checker.valid[1]:
            verdict.say(Held.NOTE, "the key's certificate was not valid when the bundle says that it was made")


def _check_answer(bundle: tar.Bundle, manifest: paper.Manifest, verdict: Verdict) -> None:
    """Whether the sessions and events are those that follow from the records."""
    with tempfile.TemporaryDirectory(prefix="virt-warden-") as folder:
        laid = Laid(folder)
        records = 0
        for number, offset, line in _records(bundle, manifest):
            laid.add(Source(number, manifest.sources[number].host), offset, line)
            records += 1
        laid.close()
        try:
            answer = derived(laid.logs, manifest.criteria, Skipped(), _most(bundle))
        except TooMany:
            verdict.say(Held.FALSE, f"more follows from {tar.RECORDS} than {tar.SESSIONS} and {tar.EVENTS} tell")
            return
    times = [id_.millis for _, id_ in answer.proof()]
    counts = (
        records,
        len(answer.sessions),
        len(answer.events),
        min(times, default=None),
        max(times, default=None),
    )
    said = (manifest.records, manifest.sessions, manifest.events, manifest.began, manifest.ended)
    wrong = [
        name
        for name, values in ((tar.SESSIONS, answer.sessions), (tar.EVENTS, answer.events))
        if bundle.read(name) != encoded(values)
    ]
    if wrong:
        verdict.say(Held.FALSE, f"what {' and '.join(wrong)} tell does not follow from {tar.RECORDS}")
    elif counts != said:
        verdict.say(Held.FALSE, f"{tar.MANIFEST} counts otherwise than there is")
    else:
        verdict.say(Held.TRUE, "its sessions and events follow from its records")


def _most(bundle: tar.Bundle) -> int:
    """The most sessions and events for which there is room in the answer."""
    return max(bundle.spans[name].size for name in (tar.SESSIONS, tar.EVENTS)) // _LEAST + 1


def _records(bundle: tar.Bundle, manifest: paper.Manifest) -> Iterator[tuple[int, int, bytes]]:
    """The records as lines, each with its source and its place there. Raises `BadBundle`."""
    lines = _Lines(bundle.chunks(tar.RECORDS))
    place = (0, 0)
    for run in paper.decoded_runs(bundle.read(tar.ORIGINS)):
        if not 0 <= run.source < len(manifest.sources) or (run.source, run.offset) < place or run.lines < 1:
            raise tar.BadBundle(f"{tar.ORIGINS} names places that cannot be")
        left = run.bytes
        for _ in range(run.lines):
            line = lines.take(left)
            if not line:
                raise tar.BadBundle(f"{tar.ORIGINS} and {tar.RECORDS} do not belong together")
            yield run.source, run.offset + run.bytes - left, line
            left -= len(line)
        if left:
            raise tar.BadBundle(f"{tar.ORIGINS} and {tar.RECORDS} do not belong together")
        place = (run.source, run.offset + run.bytes)
    if lines.take(1):
        raise tar.BadBundle(f"{tar.RECORDS} has records of which {tar.ORIGINS} knows nothing")


class _Lines:
    """Lines out of pieces, each with its newline; one whose newline is missing ends where it is said to."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self._at = 0

    def take(self, most: int) -> bytes:
        """The next line, or as much of it as `most` bytes are; empty where nothing is left."""
        end = self._held.find(b"\n", self._at, self._at + most) + 1
        while not end and len(self._held) - self._at < most and (more := next(self._pieces, b"")):
            self._held, self._at = self._held[self._at :] + more, 0
            end = self._held.find(b"\n", 0, most) + 1
        end = end or min(self._at + max(most, 0), len(self._held))
        line, self._at = self._held[self._at : end], end
        return line


def _check_against(bundle: tar.Bundle, manifest: paper.Manifest, against: Sequence[Log], verdict: Verdict) -> None:
    """Whether each record stands in the logs, byte for byte and as often."""
    wanted = Counter(sha256(line.removesuffix(b"\n")).digest() for *_, line in _records(bundle, manifest))
    every = manifest.basis is paper.Basis.LOGS
    ids = Everything() if every else like(line for *_, line in _records(bundle, manifest))
    same = 0
    for log in against:
        read = Read(log)
        for _, line in read.picked(ids, Skipped()):
            wanted[sha256(line.removesuffix(b"\n")).digest()] -= 1
        same += any(source.sha256 == read.digest for source in manifest.sources)
    missing = sum(number for number in wanted.values() if number > 0)
    if missing:
        word = "record stands" if missing == 1 else "records stand"
        verdict.say(Held.FALSE, f"{missing} {word} in none of the given logs")
    else:
        verdict.say(Held.TRUE, "each of its records stands in the given logs, byte for byte")
    if same:
        files = "one of the given logs is" if same == 1 else f"{same} of the given logs are"
        verdict.say(Held.NOTE, f"{files} the very {'file' if same == 1 else 'files'} that it was made from")
