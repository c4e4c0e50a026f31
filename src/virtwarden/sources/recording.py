"""A recording of everything a source answered, and a source that answers from a recording.

One file of JSON Lines, compressed where its name ends in .gz: a header, then one answer a line. It holds what was
absent and what was refused too, so that a scan of the recording comes out as the scan of the machine did.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, TypeVar, cast

import msgspec

import virtwarden
from virtwarden.host import Absent, Head, Output, Source, Stat, Text, Unknown, Want
from virtwarden.model import Evidence
from virtwarden.sources import SourceError
from virtwarden.sources.answers import Answer, Ask, Kept, Key, given
from virtwarden.sources.pattern import names

FORMAT = 1
SIZE_LIMIT = 512 * 2**20
LINE_LIMIT = 96 * 2**20
COUNT_LIMIT = 1_000_000
_KIND = "virt-warden recording"

A = TypeVar("A", Text, Head, Stat, Output, list[str])
_TYPES: dict[Ask, type] = {"read": Text, "head": Head, "glob": list[str], "stat": Stat, "run": Output}


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    format: int
    version: str
    taken_at: datetime
    source: str


class _Refusal(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    message: str
    evidence: tuple[Evidence, ...] = ()


class _Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One answer: the question, and exactly one of what was given, absent or unknown."""

    ask: Ask
    of: tuple[str, ...]
    length: int = 0
    gave: object = None
    absent: _Refusal | None = None
    unknown: _Refusal | None = None


class Recorder:
    """A source that keeps every answer of another one; asked again, it gives the answer it kept."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: dict[Key, Kept] = {}

    @property
    def name(self) -> str:
        """The name of the recorded source."""
        return self._source.name

    @property
    def taken_at(self) -> datetime:
        """The time of the recorded source."""
        return self._source.taken_at

    def read(self, path: str) -> Text:
        """The text of a file."""
        return self._ask(("read", (path,), 0), partial(self._source.read, path))

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a file."""
        return self._ask(("head", (path,), length), partial(self._source.head, path, length))

    def glob(self, pattern: str) -> list[str]:
        """The paths that match."""
        return list(self._ask(("glob", (pattern,), 0), partial(self._source.glob, pattern)))

    def stat(self, path: str) -> Stat:
        """What the file system says of a path."""
        return self._ask(("stat", (path,), 0), partial(self._source.stat, path))

    def run(self, *argv: str) -> Output:
        """The output of a command."""
        return self._ask(("run", argv, 0), partial(self._source.run, *argv))

    def fetch(self, wants: Iterable[Want]) -> None:
        """Passed on; what is fetched is recorded when it is asked for."""
        self._source.fetch(wants)

    def _ask(self, key: Key, ask: Callable[[], A]) -> A:
        if key not in self._kept:
            try:
                self._kept[key] = ask()
            except (Absent, Unknown) as refused:
                self._kept[key] = refused.with_traceback(None)
        return cast(A, given(self._kept[key]))

    def write(self, path: str) -> None:
        """Write the recording, readable by its owner alone: the whole of it, or none.

        Raises `OSError` where it cannot be written.
        """
        directory = os.path.dirname(os.path.abspath(path))
        descriptor, temporary = tempfile.mkstemp(prefix=".virt-warden-", dir=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                self._write_lines(file, path)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_directory(directory)

    def _write_lines(self, file: IO[bytes], path: str) -> None:
        if not path.endswith(".gz"):
            file.writelines(self._lines())
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            packed.writelines(self._lines())

    def _lines(self) -> Iterator[bytes]:
        yield _encoded(_Header(_KIND, FORMAT, virtwarden.__version__, self.taken_at, self.name))
        for key in sorted(self._kept):
            yield _encoded(_line(key, self._kept[key]))


class Snapshot:
    """A source that answers from a recording, and from nothing else."""

    def __init__(self, path: str) -> None:
        with contextlib.closing(_lines_of(path)) as lines:
            header = _header(path, next(lines, b""))
            self.name = header.source
            self.taken_at = _utc(header.taken_at)
            self._kept = dict(_parsed(path, number, line) for number, line in enumerate(lines, start=2))

    def read(self, path: str) -> Text:
        """The text of a file, as it was recorded."""
        return cast(Text, self._recorded(("read", (path,), 0), path))

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a file, as they were recorded."""
        return cast(Head, self._recorded(("head", (path,), length), f"the first {length} bytes of {path}"))

    def glob(self, pattern: str) -> list[str]:
        """The paths that matched. A recording that somebody made up may list others."""
        found = cast("list[str]", self._recorded(("glob", (pattern,), 0), pattern))
        if not all(names(pattern, path) for path in found):
            raise Unknown(f"the recording lists for {pattern} what that does not name")
        return list(found)

    def stat(self, path: str) -> Stat:
        """What the file system said of a path."""
        return cast(Stat, self._recorded(("stat", (path,), 0), f"the state of {path}"))

    def run(self, *argv: str) -> Output:
        """The output of a command, as it was recorded."""
        return cast(Output, self._recorded(("run", argv, 0), f"the output of {' '.join(argv)}"))

    def fetch(self, wants: Iterable[Want]) -> None:
        """Everything is here already."""

    def texts(self) -> Iterator[Text]:
        """All texts of files that were recorded."""
        return (kept for kept in self._kept.values() if isinstance(kept, Text))

    def stats(self) -> Iterator[Stat]:
        """All entries of the file system that were recorded."""
        return (kept for kept in self._kept.values() if isinstance(kept, Stat))

    def _recorded(self, key: Key, what: str) -> Answer:
        if key not in self._kept:
            raise Unknown(f"{what} is not in the recording")
        return given(self._kept[key])


@dataclass(frozen=True, slots=True)
class _Wrong(Exception):
    """What is wrong with a line."""

    reason: str


def _line(key: Key, kept: Kept) -> _Line:
    ask, of, length = key
    if isinstance(kept, Absent):
        return _Line(ask, of, length, absent=_Refusal(str(kept), kept.evidence))
    if isinstance(kept, Unknown):
        return _Line(ask, of, length, unknown=_Refusal(str(kept), kept.evidence))
    return _Line(ask, of, length, gave=kept)


def _encoded(line: _Header | _Line) -> bytes:
    """In ASCII, so that bytes that are no text survive as the escapes of their surrogates."""
    return json.dumps(msgspec.to_builtins(line), separators=(",", ":")).encode("ascii") + b"\n"


def _parsed(path: str, number: int, line: bytes) -> tuple[Key, Kept]:
    try:
        return _answer(msgspec.convert(_decoded(line), _Line))
    except (_Wrong, ValueError, OverflowError, RecursionError) as error:
        raise SourceError(f"{path}: line {number} of the recording is damaged: {error}") from None


def _answer(line: _Line) -> tuple[Key, Kept]:
    key: Key = (line.ask, line.of, line.length)
    if (line.gave is not None) + (line.absent is not None) + (line.unknown is not None) != 1:
        raise _Wrong("it is not one answer")
    for refusal, kind in ((line.absent, Absent), (line.unknown, Unknown)):
        if refusal is not None:
            return key, kind(refusal.message, *refusal.evidence)
    answer = cast(Answer, msgspec.convert(line.gave, _TYPES[line.ask]))
    if not isinstance(answer, list) and answer.at.tzinfo is None:
        raise _Wrong("its time has no zone")
    return key, answer


def _header(path: str, line: bytes) -> _Header:
    try:
        header = msgspec.convert(_decoded(line), _Header)
    except (_Wrong, ValueError, OverflowError, RecursionError):
        raise SourceError(f"{path} is not a recording of virt-warden") from None
    if header.kind != _KIND:
        raise SourceError(f"{path} is not a recording of virt-warden")
    if header.format != FORMAT:
        raise SourceError(f"{path} is a recording in format {header.format}; this version reads format {FORMAT}")
    if header.taken_at.tzinfo is None:
        raise SourceError(f"{path}: the time of the recording has no zone")
    return header


def _decoded(line: bytes) -> object:
    text = line.decode("utf-8")
    value: object = json.loads(text)
    if b"\\ud" in line.lower():
        _encodable(value)
    return value


def _encodable(value: object) -> None:
    """Raises unless every string came from bytes, as only such strings can be printed again."""
    json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise SourceError(f"the time of the recording, {moment}, is out of range") from None


def _lines_of(path: str) -> Generator[bytes, None, None]:
    """The lines of the file, unpacked if need be, within bounds on each and on all."""
    left, count = SIZE_LIMIT, 0
    try:
        with open(path, "rb") as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            stream = io.BufferedReader(gzip.GzipFile(fileobj=file)) if packed else file
            while line := stream.readline(min(left, LINE_LIMIT) + 1):
                left, count = left - len(line), count + 1
                if left < 0 or len(line) > LINE_LIMIT or count > COUNT_LIMIT:
                    raise SourceError(f"{path} is too large to be a recording")
                yield line
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(f"{path} cannot be read: {reason.lower()}") from None


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
