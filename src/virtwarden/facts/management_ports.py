"""The ports by which the host and its guests' consoles are managed, and what listens on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.openings import Span
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.facts.remote import PORTS, TRANSPORTS, Remote
from virtwarden.host import Absent, Host, Unknown, Want

SSH, FIRST_DISPLAY = 22, 5900
MIGRATION: Span = (49152, 49215)
"""The ports on which guests from other hosts are awaited, where qemu.conf names no others."""


@dataclass(frozen=True, slots=True)
class ManagementPorts:
    """`listeners` are those that others than this host can reach; `spans` all TCP ports that only management is to use,
    whether something listens there now or not."""

    listeners: tuple[Listener, ...] = ()
    spans: tuple[Span, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look among what listens. Raises `Unknown`."""
        listeners = host.get(Listeners)
        fixed, migration = _of_libvirt(host), migration_ports(host)
        fixed |= {SSH} | {each.port for each in listeners if "sshd" in each.programs}
        last = host.get(Policy).console.last_port
        kept = tuple(
            each
            for each in listeners
            if each.protocol == "tcp"
            and not each.local
            and (
                each.port in fixed
                or FIRST_DISPLAY <= each.port <= last
                or (migration[0] <= each.port <= migration[1] and _may_be_qemu(each))
            )
        )
        return cls(kept, _all(fixed, last, migration))


def _may_be_qemu(listener: Listener) -> bool:
    """Ports of migration are among those that any program may be given."""
    return not listener.programs or any("qemu" in name or "kvm" in name for name in listener.programs)


def management_spans(host: Host) -> tuple[Span, ...]:
    """The TCP ports that only management is to use, by what is on disk."""
    return _all(_of_libvirt(host) | {SSH}, host.get(Policy).console.last_port, migration_ports(host))


def migration_ports(host: Host) -> Span:
    """The ports on which QEMU awaits guests from other hosts."""
    try:
        conf = host.get(QemuConf)
    except (Absent, Unknown):
        return MIGRATION
    first, last = conf.migration_port_min, conf.migration_port_max
    return (first, last) if 0 < first <= last <= 65535 else MIGRATION


def unread(host: Host) -> Iterator[Unknown]:
    """What could not be read of that which may name other ports than the usual ones."""
    try:
        daemons = host.get(Remote).daemons
    except Absent:
        daemons = ()
    except Unknown as refused:
        daemons = ()
        yield refused
    told = [each for daemon in daemons for each in (daemon.settings, *daemon.offers.values())]
    yield from {str(each): each for each in told if isinstance(each, Unknown)}.values()
    try:
        host.get(QemuConf)
    except Absent:
        pass
    except Unknown as refused:
        yield refused


def _all(fixed: set[int], last: int, migration: Span) -> tuple[Span, ...]:
    """In order, and none of them twice: nft refuses ranges that overlap."""
    joined: list[Span] = []
    for first, end in sorted({*((port, port) for port in fixed), (FIRST_DISPLAY, last), migration}):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((first, end))
    return tuple(joined)


def _of_libvirt(host: Host) -> set[int]:
    try:
        daemons = host.get(Remote).daemons
    except (Absent, Unknown):
        return set(PORTS.values())
    found = {port for daemon in daemons for transport in TRANSPORTS for port in daemon.ports(transport)}
    return found | set(PORTS.values())
