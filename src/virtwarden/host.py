"""One machine as a set of facts, and the sources they are read from.

A `Source` answers reads and commands; a `Fact` is typed knowledge that is probed from a `Host` on first
ask and at most once. "The host has no such thing" (`Absent`) and "I cannot tell from here" (`Unknown`) are
different exceptions, and neither is ever an empty answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Literal, Protocol, Self, TypeVar

from virtwarden.model import Evidence


class Absent(Exception):
    """The host has no such thing. The message is a whole sentence that says so."""

    def __init__(self, message: str, *evidence: Evidence) -> None:
        super().__init__(message)
        self.evidence = evidence


class Unknown(Exception):
    """It cannot be told from here. The message says what was refused or missing, and where."""

    def __init__(self, message: str, *evidence: Evidence) -> None:
        super().__init__(message)
        self.evidence = evidence


_LONGEST_CITED = 1000


def _cited(text: str) -> str:
    """The text as evidence quotes it: a file that is all one line is not told again by every finding."""
    if len(text) <= _LONGEST_CITED:
        return text.strip()
    return text[:_LONGEST_CITED].strip() + "…"


@dataclass(frozen=True)
class Text:
    """The text of a file as it was read, secrets already blanked; undecodable bytes survive as surrogates."""

    path: str
    text: str
    at: datetime

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends; line n of the file is `lines[n - 1]`."""
        return self.text.split("\n")

    def cite(self, line: int | None = None, text: str | None = None) -> Evidence:
        """Evidence from this file: one line of it (counted from 1), or `text` in words about the whole."""
        if text is None:
            text = _cited(self.lines[line - 1]) if line is not None and 0 < line <= len(self.lines) else ""
        return Evidence(text=text, path=self.path, line=line, at=self.at)


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a file, for formats with a binary header."""

    path: str
    data: bytes
    at: datetime

    def cite(self, text: str) -> Evidence:
        """Evidence from this header, in words."""
        return Evidence(text=text, path=self.path, at=self.at)


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed and how it ended."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    at: datetime

    def cite(self, text: str | None = None) -> Evidence:
        """Evidence from this command: the text that decided, or the first line it printed."""
        if text is None:
            text = _cited(self.stdout).partition("\n")[0] or _cited(self.stderr).partition("\n")[0]
        return Evidence(text=text, argv=self.argv, code=self.code, at=self.at)


Kind = Literal["file", "dir", "socket", "block", "char", "fifo", "other"]


@dataclass(frozen=True, slots=True)
class Stat:
    """What the file system says of a path; symbolic links are followed, `real` is where they end.

    `mode` is the permission bits with setuid, setgid and sticky; `inode` is `device:number`; `label` is the
    raw SELinux context, None where the file has none or labels cannot be read.
    """

    path: str
    real: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    owner: str
    group: str
    size: int
    links: int
    inode: str
    mtime: int
    label: str | None
    at: datetime

    def cite(self, text: str | None = None) -> Evidence:
        """Evidence from this entry: its mode and owner unless other words are given."""
        return Evidence(
            text=text if text is not None else f"{self.kind} {self.mode:04o} {self.owner}:{self.group}",
            path=self.path,
            at=self.at,
        )


Verb = Literal["read", "stat", "head", "run"]


@dataclass(frozen=True, slots=True)
class Want:
    """Something a fact will ask for, so that a distant source can fetch many answers in one trip.

    `read`: files that match a pattern are listed, examined and read; `stat`: listed and examined; `head`:
    their first `length` bytes are read; `run`: a command.
    """

    verb: Verb
    args: tuple[str, ...]
    length: int = 0


def reading(pattern: str) -> Want:
    """The files at this path or glob pattern, with their texts."""
    return Want("read", (pattern,))


def looking(pattern: str) -> Want:
    """The entries at this path or glob pattern, without their texts."""
    return Want("stat", (pattern,))


def heading(path: str, length: int) -> Want:
    """The first bytes of the file at this path."""
    return Want("head", (path,), length)


def running(*argv: str) -> Want:
    """The output of this command."""
    return Want("run", argv)


class Source(Protocol):
    """Where answers about one machine come from. Asking never changes the machine.

    Every method raises `Unknown` where the answer was refused or cannot be had from here.
    """

    @property
    def name(self) -> str:
        """What a reader calls it: `this host`, `ssh://root@kvm7`, a file name."""
        ...

    @property
    def taken_at(self) -> datetime:
        """When the machine was looked at; for a recording, when it was made. Always aware, in UTC."""
        ...

    def read(self, path: str) -> Text:
        """The text of a file. Raises `Absent` if there is none."""
        ...

    def head(self, path: str, length: int) -> Head:
        """The first `length` bytes of a file. Raises `Absent` if there is none."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """The paths that match a shell pattern (`*`, `?`, `[…]`), sorted; none where a directory is missing."""
        ...

    def stat(self, path: str) -> Stat:
        """What the file system says of a path. Raises `Absent` if there is nothing."""
        ...

    def run(self, *argv: str) -> Output:
        """A command's output, whatever its exit code. Raises `Absent` if it is not installed."""
        ...

    def fetch(self, wants: Iterable[Want]) -> None:
        """Get these answers ahead of being asked; a source with nothing to gain does nothing."""
        ...


class Fact(Protocol):
    """Typed knowledge about a host. `wants` lists what its probe asks that is known beforehand."""

    wants: ClassVar[tuple[Want, ...]]

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read it from the host; raises `Absent` or `Unknown` where there is nothing or no telling."""
        ...


F = TypeVar("F", bound=Fact)


class Host:
    """One machine's facts, each probed on first ask and at most once."""

    def __init__(self, source: Source, *known: Fact) -> None:
        self.source = source
        self._facts: dict[type[Fact], Fact] = {type(fact): fact for fact in known}
        self._refusals: dict[type[Fact], Absent | Unknown] = {}

    @property
    def taken_at(self) -> datetime:
        """The moment for which the host is judged; use it in place of the clock."""
        return self.source.taken_at

    def get(self, fact: type[F]) -> F:
        """The fact. Raises `Absent` or `Unknown`, the same one at every ask, where it cannot be had."""
        found = self._facts.get(fact)
        if found is not None:
            return found  # type: ignore[return-value]  # keyed by its own type
        refusal = self._refusals.get(fact)
        if refusal is not None:
            raise type(refusal)(str(refusal), *refusal.evidence)
        try:
            probed = fact.probe(self)
        except (Absent, Unknown) as refused:
            self._refusals[fact] = refused
            raise
        self._facts[fact] = probed
        return probed


def first_present(source: Source, *paths: str) -> Stat:
    """The first of these paths that exists.

    Raises `Absent` if none does, and `Unknown` if none was seen but some could not be looked at.
    """
    refused: Unknown | None = None
    for path in paths:
        try:
            return source.stat(path)
        except Absent:
            continue
        except Unknown as unknown:
            refused = unknown
    if refused is not None:
        raise Unknown(str(refused), *refused.evidence)
    raise Absent(f"there is no {' and no '.join(paths)}")
