"""The network interfaces of all guests, each with the bridge or device it ends at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.domain import Definition, Guest, Interface
from virtwarden.facts.guests import Guests
from virtwarden.facts.networks import Network, Networks
from virtwarden.formats.packetrules import plain_mac
from virtwarden.host import Absent, Host, Unknown, Want
from virtwarden.model import Evidence, State, Subject


@dataclass(frozen=True, slots=True)
class Nic:
    """One interface of one guest in one state.

    `kind` is what it really is where the XML only names a network: bridge, direct, hostdev, user …, or network
    where that network is not known. `bridge` is the bridge it ends at, `parent` the device of a direct one.
    `position` counts from 1 among the interfaces of the definition.
    """

    guest: Guest
    definition: Definition
    interface: Interface
    position: int
    kind: str
    bridge: str | None = None
    parent: str | None = None

    @property
    def state(self) -> State:
        """Whether it is configured or running."""
        return self.definition.state

    @property
    def mac(self) -> str:
        """Its MAC in lower case; empty where libvirt has yet to make one."""
        return plain_mac(self.interface.mac or "")

    @property
    def tap(self) -> str | None:
        """The host's end of it while it runs."""
        return self.interface.target

    @property
    def subject(self) -> Subject:
        """What findings about it are about."""
        return Subject("interface", f"{self.guest.name} {self.mac or self.position}")

    @property
    def path(self) -> str:
        """Where it stands in the guest's XML."""
        return f"devices/interface[{self.position}]"

    @property
    def defined_at(self) -> str | None:
        """Where it stands in the guest's definition on disk; None where it does not."""
        if self.state is State.ON_DISK:
            return self.path
        defined = () if self.guest.on_disk is None else self.guest.on_disk.interfaces
        macs = [plain_mac(interface.mac or "") for interface in defined]
        return f"devices/interface[{macs.index(self.mac) + 1}]" if self.mac in macs else None

    def cite(self) -> Evidence:
        """Its line."""
        return self.definition.cite(self.interface.line)


@dataclass(frozen=True, slots=True)
class Nics:
    """The interfaces of all guests. `liveness` says why it is not known which guests run."""

    nics: tuple[Nic, ...] = ()
    liveness: str | None = None
    refusal: Unknown | None = None

    wants: ClassVar[tuple[Want, ...]] = ()

    def of(self, state: State) -> tuple[Nic, ...]:
        """The interfaces of one state."""
        return tuple(nic for nic in self.nics if nic.state is state)

    def bridges(self, *states: State) -> dict[str, Nic]:
        """The bridges that guests are on in these states, or in any, each with the first interface there."""
        found: dict[str, Nic] = {}
        for nic in self.nics:
            if states and nic.state not in states:
                continue
            if nic.kind == "bridge" and nic.bridge:
                found.setdefault(nic.bridge, nic)
        return found

    def complete(self) -> None:
        """Raises `Unknown` where some guest could not be read, so that none is left out unnoticed."""
        if self.refusal is not None:
            raise Unknown(str(self.refusal), *self.refusal.evidence)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Join the guests with the networks they name."""
        guests = host.get(Guests)
        try:
            networks = host.get(Networks)
        except (Absent, Unknown):
            networks = Networks()
        refusal: Unknown | None = None
        try:
            guests.complete()
        except Unknown as refused:
            refusal = refused
        nics = (nic for guest in guests.guests for nic in _nics(guest, networks))
        return cls(tuple(nics), guests.liveness, refusal)


def _nics(guest: Guest, networks: Networks) -> Iterator[Nic]:
    for definition in guest.definitions:
        for position, interface in enumerate(definition.interfaces, 1):
            yield _nic(guest, definition, interface, position, networks)


def _nic(guest: Guest, definition: Definition, interface: Interface, position: int, networks: Networks) -> Nic:
    actual = interface.xml.find("actual")
    source = interface.xml.find("source" if actual is None else "actual/source")
    kind = interface.kind if actual is None else actual.get("type") or interface.kind
    bridge = None if source is None else source.get("bridge")
    parent = None if source is None else source.get("dev")
    if kind == "network":
        name = interface.xml.find("source")
        network = _network(networks, definition.state, None if name is None else name.get("network"))
        if network is not None:
            kind, bridge, parent = network.kind, bridge or network.bridge, parent or network.device
        elif bridge:
            kind = "bridge"
    return Nic(guest, definition, interface, position, kind, bridge, parent if kind == "direct" else None)


def _network(networks: Networks, state: State, name: str | None) -> Network | None:
    if name is None:
        return None
    return networks.of(state).get(name) or networks.on_disk.get(name)
