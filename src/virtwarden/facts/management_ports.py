"""The ports by which the host and its guests' consoles are managed, as far as something listens on them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import ClassVar, Self

from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.policy import Policy
from virtwarden.facts.remote import TRANSPORTS, Remote
from virtwarden.host import Absent, Host, Want

SSH, FIRST_DISPLAY = 22, 5900
_STRANGERS = ("198.51.100.77", "203.0.113.77", "2001:db8:ffff:ffff::77", "3fff:ffff::77")


@dataclass(frozen=True, slots=True)
class ManagementPorts:
    """`listeners` are those that others than this host can reach; `ports` all ports that only management is to use,
    whether something listens there now or not."""

    listeners: tuple[Listener, ...] = ()
    ports: tuple[int, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look among what listens. Raises `Unknown`."""
        listeners = host.get(Listeners)
        fixed = _of_libvirt(host) | {SSH} | {each.port for each in listeners if "sshd" in each.programs}
        last = host.get(Policy).console.last_port
        found = (each for each in listeners if each.protocol == "tcp" and not each.local)
        kept = tuple(each for each in found if each.port in fixed or FIRST_DISPLAY <= each.port <= last)
        return cls(kept, tuple(sorted(fixed)))


def _of_libvirt(host: Host) -> set[int]:
    try:
        daemons = host.get(Remote).daemons
    except Absent:
        return set()
    return {port for daemon in daemons for transport in TRANSPORTS for port in daemon.ports(transport)}


def strangers(sources: tuple[str, ...]) -> dict[str, str]:
    """An address of each family, ip and ip6, that is in none of these networks; they belong to documentation."""
    networks = [ip_network(source) for source in sources]
    found: dict[str, str] = {}
    for text in _STRANGERS:
        address = ip_address(text)
        if not any(address in network for network in networks):
            found.setdefault("ip" if address.version == 4 else "ip6", text)
    return found
