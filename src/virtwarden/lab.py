"""What a proof may do on a live host, and how it hears what came of it: in a lab, and by probing what listens.

Everything a lab does is harmless and marked: it never alters what is there, its own things have names that begin with
`PREFIX` and that nobody can foresee, and they are gone afterwards, or at the next start where a run was killed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
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


Speech = Literal["libvirt", "vnc", "spice", "nbd"]
"""What is spoken at a port before and within TLS."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens: a UNIX socket by its path, else an address and a port."""

    address: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """As a reader writes it: `192.0.2.10:5900`, `[2001:db8::1]:5900` or the path."""
        return self.path or (
            f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        )


class Bearer(StrEnum):
    """Who shows himself, by which certificate; the words follow `to`."""

    NOBODY = "a client without a certificate"
    OURS = "our client"
    SELF_SIGNED = "a client whose certificate signs itself"
    FOREIGN = "a client of a foreign authority that bears the same names"
    SERVER = "a client with the server's own certificate"
    UNLISTED = "a client of our authority that is not listed"
    EXPIRED = "a client whose certificate has expired"
    REVOKED = "a client whose certificate was revoked"


class Person(StrEnum):
    """Who logs in by name; the words follow `to`."""

    OURS = "our user"
    UNLISTED = "a user who is not listed"
    MADE_UP = "a user whom nobody knows"


class Reached(IntEnum):
    """How far a peer let us come."""

    NOWHERE = 0  # there was no connection
    CONNECTED = 1  # there was one, on which nothing was understood
    GREETED = 2  # the peer spoke its protocol, or agreed on TLS
    ADMITTED = 3  # it took us; what is missing is a log-in or a password
    SESSION = 4  # it opened a session


@dataclass(frozen=True, slots=True)
class Served:
    """What a peer showed in TLS: its chain in PEM, its own certificate first; the version and the cipher agreed on."""

    chain: tuple[str, ...]
    version: str
    cipher: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Something offered in TLS, and whether the peer took it; None where it could not be offered or heard."""

    what: str
    taken: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class Met:
    """How far a peer let us come and what was said last. `silent`: it did not answer in time, which is no refusal.

    `asks` is what it wants for a session: none, sasl, polkit or password; `mechanisms` are SASL's.
    """

    reached: Reached
    said: str
    silent: bool = False
    served: Served | None = None
    asks: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VncOffer:
    """What a VNC server offers before anybody proved anything: security types, and within VeNCrypt its sub-types."""

    version: str
    types: tuple[int, ...]
    subtypes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Linked:
    """What a SPICE server said to a channel that was linked: error 0 is that it goes on; None, that there was no
    answer of SPICE's."""

    channel: str
    error: int | None
    said: str


class Neighbour(Protocol):
    """Somebody who tries doors. Raises `Impossible` where he cannot."""

    def connects(self, at: Endpoint) -> Met:
        """Only connect."""
        ...

    def libvirt(self, at: Endpoint, bearer: Bearer | None = None, person: Person | None = None) -> Met:
        """Ask libvirt for a read-only session, in TLS as `bearer` unless that is None; as `person` where it asks for a
        log-in."""
        ...

    def administration(self, at: Endpoint) -> Met:
        """Ask for a session at the socket by which a daemon is administered."""
        ...

    def vnc(self, at: Endpoint, bearer: Bearer = Bearer.NOBODY) -> Met:
        """Log in to VNC up to where a password is asked for; nobody who is watching notices."""
        ...

    def spice(self, at: Endpoint, *, encrypted: bool) -> Met:
        """Ask SPICE for a channel without knowing a password; nobody who is watching notices."""
        ...


class Prober(Neighbour, Protocol):
    """All that can be asked of what listens, from this machine."""

    def addresses(self) -> tuple[str, ...]:
        """This machine's own. Raises `Impossible`."""
        ...

    def reaches(self, address: str) -> Met:
        """Connect to a port of our own at one of this machine's addresses."""
        ...

    def stranger(self) -> Neighbour:
        """One who is nobody on this machine. Raises `Impossible`."""
        ...

    def versions(self, at: Endpoint, speech: Speech) -> tuple[Taken, ...]:
        """Each version of TLS offered alone, the oldest first."""
        ...

    def weak_ciphers(self, at: Endpoint, speech: Speech) -> tuple[Taken, ...]:
        """Each kind of weak cipher offered alone."""
        ...

    def trusted(self, at: Endpoint, speech: Speech, name: str) -> str:
        """Why a client of our authority that dials this name refuses the peer, empty where it does not. Raises
        `Impossible`."""
        ...

    def vnc_offer(self, at: Endpoint) -> VncOffer | Met:
        """What a VNC server offers; how far we came where it does not say."""
        ...

    def spice_channels(self, at: Endpoint, *, encrypted: bool) -> tuple[Linked, ...]:
        """Each channel linked and let go before it opens."""
        ...

    def websocket(self, at: Endpoint, *, encrypted: bool) -> Met:
        """Ask for a websocket."""
        ...
