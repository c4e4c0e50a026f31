"""A prober that meets what a test says it meets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from virtwarden.lab import (
    Bearer,
    Endpoint,
    Impossible,
    Linked,
    Met,
    Neighbour,
    Person,
    Reached,
    Speech,
    Taken,
    VncOffer,
)

IN = Met(Reached.SESSION, "it opened a session")
OUT = Met(Reached.GREETED, "closed without a word")
SILENT = Met(Reached.GREETED, "no answer in time", silent=True)
NOWHERE = Met(Reached.NOWHERE, "connection refused")
OPEN = Met(Reached.CONNECTED, "it takes connections")
ASKED = Met(Reached.ADMITTED, "authentication required", asks=("sasl",), mechanisms=("SCRAM-SHA-256",))
MODERN = (
    Taken("TLS 1.0", False, "refused"),
    Taken("TLS 1.1", False, "refused"),
    Taken("TLS 1.2", True, ""),
    Taken("TLS 1.3", True, ""),
)
Shown = Bearer | Person | None


@dataclass
class FakeProber:
    """By default a host that is set up well: our client alone is let in, plain TCP is closed. What is a text cannot be
    done, for this reason."""

    met: Mapping[Shown, Met | str] = field(default_factory=dict)
    by_nobody: Met | str = OUT
    open: frozenset[int] = frozenset({16514, 5900})
    own: tuple[str, ...] = ("127.0.0.1", "192.0.2.10")
    reach: Met = OPEN
    taken: tuple[Taken, ...] = MODERN
    weak: tuple[Taken, ...] = (Taken("ciphers that do not encrypt", False, "refused"),)
    offer: VncOffer | Met = VncOffer("3.8", (19,), (260,))
    channels: Mapping[bool, tuple[Linked, ...]] = field(default_factory=dict)
    logged_in: list[Person] = field(default_factory=list)
    names: frozenset[str] = frozenset({"kvm1"})

    def connects(self, at: Endpoint) -> Met:
        return OPEN if at.path or at.port in self.open else NOWHERE

    def libvirt(self, at: Endpoint, bearer: Bearer | None = None, person: Person | None = None) -> Met:
        if person is not None:
            self.logged_in.append(person)
            return self._met(person)
        return IN if at.path else self._met(bearer)

    def administration(self, at: Endpoint) -> Met:
        return IN

    def vnc(self, at: Endpoint, bearer: Bearer = Bearer.NOBODY) -> Met:
        return IN if at.path else self._met(bearer)

    def spice(self, at: Endpoint, *, encrypted: bool) -> Met:
        return self._met(Bearer.NOBODY)

    def addresses(self) -> tuple[str, ...]:
        return self.own

    def reaches(self, address: str) -> Met:
        return self.reach

    def stranger(self) -> Neighbour:
        return FakeStranger(self)

    def versions(self, at: Endpoint, speech: Speech) -> tuple[Taken, ...]:
        return self.taken

    def weak_ciphers(self, at: Endpoint, speech: Speech) -> tuple[Taken, ...]:
        return self.weak

    def trusted(self, at: Endpoint, speech: Speech, name: str) -> str:
        return "" if name in self.names else f"not valid for {name}"

    def vnc_offer(self, at: Endpoint) -> VncOffer | Met:
        return self.offer

    def spice_channels(self, at: Endpoint, *, encrypted: bool) -> tuple[Linked, ...]:
        return self.channels.get(encrypted, (Linked("main", None, "closed without a word"),))

    def websocket(self, at: Endpoint, *, encrypted: bool) -> Met:
        return OUT if encrypted else NOWHERE

    def _met(self, who: Shown) -> Met:
        ours = who in (Bearer.OURS, Person.OURS)
        found = self.met.get(who, IN if ours else Met(Reached.CONNECTED, "reset") if who is None else OUT)
        if isinstance(found, str):
            raise Impossible(found)
        return found


@dataclass
class FakeStranger:
    """Somebody without rights."""

    of: FakeProber

    def connects(self, at: Endpoint) -> Met:
        return self._met()

    def libvirt(self, at: Endpoint, bearer: Bearer | None = None, person: Person | None = None) -> Met:
        return self._met()

    def administration(self, at: Endpoint) -> Met:
        return self._met()

    def vnc(self, at: Endpoint, bearer: Bearer = Bearer.NOBODY) -> Met:
        return self._met()

    def spice(self, at: Endpoint, *, encrypted: bool) -> Met:
        return self._met()

    def _met(self) -> Met:
        if isinstance(self.of.by_nobody, str):
            raise Impossible(self.of.by_nobody)
        return self.of.by_nobody
