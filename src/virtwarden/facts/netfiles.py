"""Network devices as the host's files make them at boot, each gathered from all files that speak of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts import netdialects
from virtwarden.facts.netdialects import Devices, NetDevice
from virtwarden.formats import Malformed
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, looking, reading
from virtwarden.model import Evidence

_KEYFILES = ("/etc/NetworkManager/system-connections/*", "/run/NetworkManager/system-connections/*")
_NETWORKD = tuple(
    f"{base}/systemd/network/*.{kind}" for base in ("/etc", "/run") for kind in ("netdev", "network")
)
_READERS: tuple[tuple[str, Callable[[Devices, Text], None]], ...] = (
    ("/etc/sysconfig/network-scripts/ifcfg-*", netdialects.ifcfg),
    ("/etc/sysconfig/network/ifcfg-*", netdialects.suse),
    *((pattern, netdialects.keyfile) for pattern in _KEYFILES),
    *((pattern, netdialects.networkd) for pattern in _NETWORKD),
    ("/etc/network/interfaces", netdialects.ifupdown),
    ("/etc/network/interfaces.d/*", netdialects.ifupdown),
)
_NETPLAN = "/etc/netplan/*.yaml"
_COPIES = (".bak", ".orig", ".rpmnew", ".rpmsave", ".dpkg-old", ".dpkg-dist", "~")


@dataclass(frozen=True, slots=True)
class NetFiles:
    """The devices by name; `unread` are files that were refused or that are in a dialect not read here."""

    devices: Mapping[str, NetDevice] = field(default_factory=dict)
    unread: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (*(reading(pattern) for pattern, _ in _READERS), looking(_NETPLAN))

    def ports(self, bridge: str) -> tuple[NetDevice, ...]:
        """The devices that are made ports of a bridge."""
        return tuple(device for device in self.devices.values() if device.value("bridge") == bridge)

    def missing(self, name: str) -> Unknown:
        """Why nothing can be said of a device that no file makes."""
        if self.unread:
            return Unknown(f"{self.unread[0].where}: {self.unread[0].text}", *self.unread)
        return Unknown(f"no network file that is understood here makes {name}")

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files of every dialect; what cannot be read is noted."""
        devices = Devices()
        unread = [
            evidence for pattern, reader in _READERS for evidence in _read(host.source, pattern, reader, devices)
        ]
        devices.settle()
        unread.extend(_netplan(host.source, devices))
        return cls(devices.found, tuple(unread))


def _read(
    source: Source, pattern: str, reader: Callable[[Devices, Text], None], devices: Devices
) -> Iterator[Evidence]:
    try:
        paths = source.glob(pattern)
    except Unknown as refused:
        yield Evidence(str(refused), path=pattern)
        return
    for path in paths:
        if path.endswith(_COPIES):
            continue
        try:
            reader(devices, source.read(path))
        except Absent:
            continue
        except (Unknown, Malformed) as refused:
            yield Evidence(str(refused), path=path)


def _netplan(source: Source, devices: Devices) -> Iterator[Evidence]:
    """netplan's own files are not read; what it makes of them is, if the host has booted with it."""
    try:
        paths = source.glob(_NETPLAN)
    except Unknown as refused:
        yield Evidence(str(refused), path=_NETPLAN)
        return
    if paths and not any(device.path.startswith("/run/") for device in devices.found.values()):
        yield Evidence("what netplan makes of this file is not to be had", path=paths[0])
