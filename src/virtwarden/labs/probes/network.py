"""The prober of this machine: every question by a conversation of its own."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial

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
from virtwarden.labs.probes import addresses, hello, libvirt, rfb, spice, tls
from virtwarden.labs.probes.libvirt import Account
from virtwarden.labs.probes.papers import Wallet
from virtwarden.labs.probes.serving import to_tls
from virtwarden.labs.probes.stranger import by_nobody
from virtwarden.labs.probes.wire import PATIENCE, Cut, Wire, dial

_WANTED = {
    Person.OURS: "give a user who may log in with --user",
    Person.UNLISTED: "give a user who is not listed with --unlisted-user",
}
_LONGEST_LINE = 1 << 12


class Network:
    """A prober. `wallet` holds what is shown, `accounts` who logs in, `authority` the file of those whom our clients
    trust; `patience` seconds are given to one conversation."""

    def __init__(
        self,
        wallet: Wallet,
        accounts: Mapping[Person, Account] | None = None,
        authority: str = "",
        patience: float = PATIENCE,
    ) -> None:
        self._wallet = wallet
        self._accounts = dict(accounts or {})
        self._authority = authority
        self._patience = patience

    def connects(self, at: Endpoint) -> Met:
        """See `Neighbour`."""
        return self._on(at, lambda _: Met(Reached.CONNECTED, "it takes connections"))

    def libvirt(self, at: Endpoint, bearer: Bearer | None = None, person: Person | None = None) -> Met:
        """See `Neighbour`."""
        papers = None if bearer is None else self._wallet.of(bearer)
        account = None if person is None else self._account(person)
        return self._on(at, partial(libvirt.met, papers=papers, account=account, encrypted=bearer is not None))

    def administration(self, at: Endpoint) -> Met:
        """See `Neighbour`."""
        return self._on(at, libvirt.administered)

    def vnc(self, at: Endpoint, bearer: Bearer = Bearer.NOBODY) -> Met:
        """See `Neighbour`."""
        return self._on(at, partial(rfb.met, papers=self._wallet.of(bearer)))

    def spice(self, at: Endpoint, *, encrypted: bool) -> Met:
        """See `Neighbour`."""
        return self._on(at, partial(spice.met, encrypted=encrypted))

    def addresses(self) -> tuple[str, ...]:
        """See `Prober`."""
        return addresses.own()

    def reaches(self, address: str) -> Met:
        """See `Prober`."""
        return addresses.reached(address, self._patience)

    def stranger(self) -> Neighbour:
        """See `Prober`."""
        return Nobody(self, self._patience)

    def versions(self, at: Endpoint, speech: Speech) -> tuple[Taken, ...]:
        """See `Prober`."""
        return hello.versions(partial(to_tls, at, speech, self._patience))

    def weak_ciphers(self, at: Endpoint, speech: Speech) -> tuple[Taken, ...]:
        """See `Prober`."""
        return hello.weak_ciphers(partial(to_tls, at, speech, self._patience))

    def trusted(self, at: Endpoint, speech: Speech, name: str) -> str:
        """See `Prober`."""
        if not self._authority:
            raise Impossible("the authorities that our clients trust are not known; give them with --pkipath")
        try:
            with to_tls(at, speech, self._patience) as wire:
                return tls.trusted(wire, self._authority, name)
        except Cut as cut:
            raise Impossible(str(cut)) from None

    def vnc_offer(self, at: Endpoint) -> VncOffer | Met:
        """See `Prober`."""
        try:
            with dial(at, self._patience) as wire:
                return rfb.offer(wire)
        except Cut as cut:
            return Met(Reached.NOWHERE, str(cut), cut.silent)

    def spice_channels(self, at: Endpoint, *, encrypted: bool) -> tuple[Linked, ...]:
        """See `Prober`."""
        return tuple(self._channel(at, each, encrypted=encrypted) for each in spice.CHANNELS)

    def websocket(self, at: Endpoint, *, encrypted: bool) -> Met:
        """See `Prober`."""
        return self._on(at, partial(_upgraded, host=str(at), encrypted=encrypted))

    def _channel(self, at: Endpoint, channel: str, *, encrypted: bool) -> Linked:
        try:
            with dial(at, self._patience) as wire:
                return spice.linked(wire, channel, encrypted=encrypted)
        except Cut as cut:
            return Linked(channel, None, str(cut))

    def _on(self, at: Endpoint, talk: Callable[[Wire], Met]) -> Met:
        try:
            with dial(at, self._patience) as wire:
                return talk(wire)
        except Cut as cut:
            return Met(Reached.NOWHERE, str(cut), cut.silent)

    def _account(self, person: Person) -> Account:
        if person is Person.MADE_UP:
            return Account(f"virt-warden-{secrets.token_hex(4)}", secrets.token_bytes(8).hex().encode())
        if person not in self._accounts:
            raise Impossible(_WANTED[person])
        return self._accounts[person]


class Nobody:
    """The same questions asked by somebody who has no rights on this machine."""

    def __init__(self, network: Network, patience: float) -> None:
        self._network = network
        self._patience = patience

    def connects(self, at: Endpoint) -> Met:
        """See `Neighbour`."""
        return by_nobody(lambda: self._network.connects(at), self._patience)

    def libvirt(self, at: Endpoint, bearer: Bearer | None = None, person: Person | None = None) -> Met:
        """See `Neighbour`."""
        return by_nobody(lambda: self._network.libvirt(at, bearer, person), self._patience)

    def administration(self, at: Endpoint) -> Met:
        """See `Neighbour`."""
        return by_nobody(lambda: self._network.administration(at), self._patience)

    def vnc(self, at: Endpoint, bearer: Bearer = Bearer.NOBODY) -> Met:
        """See `Neighbour`."""
        return by_nobody(lambda: self._network.vnc(at, bearer), self._patience)

    def spice(self, at: Endpoint, *, encrypted: bool) -> Met:
        """See `Neighbour`."""
        spice.ready()
        return by_nobody(lambda: self._network.spice(at, encrypted=encrypted), self._patience)


def _upgraded(wire: Wire, host: str, *, encrypted: bool) -> Met:
    """Ask for a websocket as a browser would."""
    reached, served = Reached.CONNECTED, None
    try:
        if encrypted:
            served = tls.served_on(wire)
            reached = Reached.GREETED
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ("GET / HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade")
        more = (f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: binary")
        wire.send("\r\n".join((*lines, *more, "", "")).encode())
        first = wire.until(b"\n", _LONGEST_LINE).decode("latin-1").strip()
    except Cut as cut:
        return Met(reached, str(cut), cut.silent, served)
    if " 101" in first:
        return Met(Reached.SESSION, f"it answered: {first}", served=served)
    return Met(Reached.GREETED, f"it answered: {first}", served=served)
