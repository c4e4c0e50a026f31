"""libvirt's daemons read their certificates again while sessions stay open, and while others want to begin.

A daemon that is told to while a client shakes hands ends itself (seen of libvirt 9.0): the handshake goes on with what
was freed. So new clients are held back for that moment.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from virtwarden.stores.heldback import Door
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs

_PATIENCE = 5.0
_PAUSE = 0.05
_AT_ONCE = 500
_OVER_TLS = re.compile(r"^\s*(\d+)\s+tls\b", re.MULTILINE)
_UNKNOWN = re.compile(r"identity information for client '(\d+)'")
_OF_CLIENTS = re.compile(r"client", re.IGNORECASE)
"""In what it says of one that is unknown, or has gone meanwhile; not in why it does not answer at all."""


@dataclass(frozen=True, slots=True)
class TlsDaemon:
    """One of libvirt's daemons that listens for TLS, by its administration interface."""

    name: str
    programs: Programs

    def reload(self) -> str:
        """Have it read its certificates; what is to be said of that. Raises `StoreError` where it does not like them,
        and goes on with the old ones."""
        door = Door(self.name, self.programs)
        known = _over_tls(door) - _shaking_hands(door, _over_tls(door))
        with door.held():
            _await_handshakes(door, known)
            said = door.ask("server-update-tls", self.name)
        if said.code == 0:
            return ""
        if "no tls service" in said.complaint:
            return f"{self.name} offers no TLS now, and reads them when it does"
        raise StoreError(f"{self.name} does not take the new certificates: {said.complaint}")


def _await_handshakes(door: Door, known: set[str]) -> None:
    """Wait for handshakes that go on; who does not come to an end with one is sent away."""
    deadline = time.monotonic() + _PATIENCE
    while pending := _shaking_hands(door, _over_tls(door) - known):
        if time.monotonic() > deadline:
            for client in pending:
                door.ask("client-disconnect", door.name, client)
            return
        time.sleep(_PAUSE)


def _over_tls(door: Door) -> set[str]:
    said = door.ask("client-list", door.name)
    if said.code != 0:  # not to know who shakes hands is not to know that nobody does
        raise StoreError(f"{door.name} does not tell who its clients are: {said.complaint}")
    return set(_OVER_TLS.findall(said.stdout))


def _shaking_hands(door: Door, clients: Iterable[str]) -> set[str]:
    """Those of the clients whom the daemon does not know by name yet, as it does from their first call on: a client
    that says nothing after its handshake is not told from one that is in it."""
    every, found = sorted(clients, key=int), set[str]()
    for at in range(0, len(every), _AT_ONCE):
        commands = "; ".join(f"client-info {door.name} {each}" for each in every[at : at + _AT_ONCE])
        said = door.ask(commands)
        if said.code != 0 and not _OF_CLIENTS.search(said.stderr):
            raise StoreError(f"{door.name} does not tell of its clients: {said.complaint}")
        found |= set(_UNKNOWN.findall(said.stderr))
    return found
