"""What a proof may do on a live host, and how it hears what came of it.

Everything a lab does is harmless and marked: it never alters what is there, its own things have names that begin with
`PREFIX` and that nobody can foresee, and they are gone afterwards, or at the next start where a run was killed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

PREFIX = "virt-warden-proof-"
UNSET = 0xFFFFFFFF
"""The login (auid) of a process that nobody's login stands behind."""

Width = Literal["b64", "b32"]


class Way(StrEnum):
    """How a path is touched."""

    MAKE = "make"  # a file is made in a directory, and removed
    APPEND = "append"  # opened for writing and closed
    READ = "read"  # opened for reading and closed
    MODE = "mode"  # its mode is set to what it is
    EXECUTE = "execute"  # started, and ended before its first instruction


@dataclass(frozen=True, slots=True)
class Act:
    """One harmless thing that a process of its own does to `path`, or with `inside` to a new file in that directory.

    `login` is the process's auid, None for that of our own. `width` is that of the system calls. With a `program` it is
    not we who make the file, but this program of QEMU's.
    """

    way: Way
    path: str
    inside: bool = False
    login: int | None = None
    width: Width = "b64"
    program: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: `place` is the directory that the process was in, which nothing else ever was in; `refused` why
    the system refused it, which does not keep it from being recorded; empty where it did not."""

    place: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Ourselves:
    """What the kernel knows our processes by: the login, the program, the SELinux type (empty where there is none); and
    `nobody`, a number of a user that this host does not have."""

    login: int
    program: str
    type: str
    nobody: int


@dataclass(frozen=True, slots=True)
class ThrowAway:
    """A guest of ours: no disk, never running its processor. `models` are those of the labels that it was given,
    `mac` its network card's address."""

    name: str
    uuid: str
    models: tuple[str, ...]
    mac: str
    memory: int


class Impossible(Exception):
    """It cannot be done here; the message says what and why, in one sentence without its full stop."""


class Deaf(Exception):
    """What happened could not be heard: not even our own voice arrived. The message says why."""


class Ear(Protocol):
    """The audit log from a moment on."""

    def heard(self) -> tuple[str, ...]:
        """The lines written since the last time, with all that came of what was done before. Raises `Deaf`."""
        ...


class Lab(Protocol):
    """What can be done on a host for the sake of a proof."""

    def ourselves(self) -> Ourselves:
        """Who it is that acts."""
        ...

    def act(self, act: Act) -> Done:
        """Do it. Raises `Impossible`."""
        ...

    def knows_type(self, name: str) -> bool | None:
        """Whether the loaded SELinux policy has this type; None where it cannot be asked."""
        ...

    def listening(self) -> AbstractContextManager[Ear]:
        """Hear what is written into the audit log from now on. Raises `Deaf`."""
        ...

    def guest(self) -> AbstractContextManager[ThrowAway]:
        """Start a guest; on leaving, it is destroyed. Raises `Impossible`."""
        ...
