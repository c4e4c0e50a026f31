"""libvirt's virtual networks, as defined and as they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar, Self

from virtwarden.facts.libvirt import Libvirt
from virtwarden.formats import Malformed, xmltext
from virtwarden.formats.packetrules import plain_mac
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, looking, reading
from virtwarden.model import Evidence, State

_DEFINED = "/etc/libvirt/qemu/networks/*.xml"
_AUTOSTART = "/etc/libvirt/qemu/networks/autostart/*.xml"
_RUNNING = ("/run/libvirt/network/*.xml", "/var/run/libvirt/network/*.xml", "/var/lib/libvirt/network/*.xml")
_ROUTED = ("nat", "route", "open")
_DIRECT = ("private", "vepa", "passthrough")


@dataclass(frozen=True, slots=True)
class Reservation:
    """A MAC to which a network's DHCP server gives a fixed address."""

    mac: str
    address: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Network:
    """One network. `forward` is its mode, None for one that is cut off; `kind` is what a guest's interface on it
    becomes: bridge, direct or hostdev; `device` the card behind a direct one."""

    name: str
    state: State
    forward: str | None
    bridge: str | None
    device: str | None
    addresses: tuple[IPv4Address | IPv6Address, ...]
    reservations: tuple[Reservation, ...]
    xml: Element
    text: Text
    autostart: bool = False

    @property
    def kind(self) -> str:
        """What a guest's interface on it becomes."""
        if self.forward in _DIRECT or (self.forward == "bridge" and self.bridge is None):
            return "direct"
        return "hostdev" if self.forward == "hostdev" else "bridge"

    @property
    def routed(self) -> bool:
        """Whether the host forwards packets for it."""
        return self.forward in _ROUTED

    @property
    def owns_bridge(self) -> bool:
        """Whether libvirt makes the bridge and gives it the addresses."""
        return self.bridge is not None and self.forward != "bridge"

    def cite(self, line: int | None = None) -> Evidence:
        """Evidence from its XML."""
        return self.text.cite(line if line is not None else line_of(self.xml))


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks by name, as defined and as they run; `liveness` says why it is not known which run."""

    on_disk: Mapping[str, Network] = field(default_factory=dict)
    in_force: Mapping[str, Network] = field(default_factory=dict)
    unread: tuple[Evidence, ...] = ()
    liveness: str | None = None

    wants: ClassVar[tuple[Want, ...]] = (
        reading(_DEFINED),
        looking(_AUTOSTART),
        *(reading(pattern) for pattern in _RUNNING),
    )

    def of(self, state: State) -> Mapping[str, Network]:
        """The networks of one state."""
        return self.on_disk if state is State.ON_DISK else self.in_force

    def complete(self) -> None:
        """Raises `Unknown` where some network could not be read."""
        if self.unread:
            raise Unknown(f"network {self.unread[0].where}: {self.unread[0].text}", *self.unread)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read libvirt's own files."""
        host.get(Libvirt)
        unread: list[Evidence] = []
        starting = {path.rpartition("/")[2] for path in _listed(host.source, _AUTOSTART)}
        defined = dict(_networks(host.source, host.source.glob(_DEFINED), State.ON_DISK, starting, unread))
        liveness: str | None = None
        running: dict[str, Network] = {}
        try:
            paths = [path for pattern in _RUNNING for path in host.source.glob(pattern)]
            running = dict(_networks(host.source, paths, State.IN_FORCE, starting, unread))
        except Unknown as refused:
            liveness = str(refused)
        return cls(defined, running, tuple(unread), liveness)


def _listed(source: Source, pattern: str) -> list[str]:
    try:
        return source.glob(pattern)
    except Unknown:
        return []


def _networks(
    source: Source, paths: list[str], state: State, starting: set[str], unread: list[Evidence]
) -> Iterator[tuple[str, Network]]:
    for path in paths:
        try:
            text = source.read(path)
            root = xmltext.parse(text.text)
        except Absent:
            continue
        except (Unknown, Malformed) as refused:
            unread.append(Evidence(text=str(refused), path=path))
            continue
        found = root.find("network") if root.tag == "networkstatus" else root
        if found is not None and found.tag == "network":
            network = _network(found, state, text, path.rpartition("/")[2] in starting)
            yield network.name, network


def _network(xml: Element, state: State, text: Text, autostart: bool) -> Network:
    forward, bridge = xml.find("forward"), xml.find("bridge")
    device = None if forward is None else forward.find("interface")
    return Network(
        name=(xml.findtext("name") or "").strip(),
        state=state,
        forward=None if forward is None else forward.get("mode") or "nat",
        bridge=None if bridge is None else bridge.get("name"),
        device=None if forward is None else forward.get("dev") or (None if device is None else device.get("dev")),
        addresses=tuple(_addresses(xml)),
        reservations=tuple(_reservations(xml)),
        xml=xml,
        text=text,
        autostart=autostart,
    )


def _addresses(xml: Element) -> Iterator[IPv4Address | IPv6Address]:
    for element in xml.iterfind("ip"):
        try:
            yield ip_address(element.get("address") or "")
        except ValueError:
            continue


def _reservations(xml: Element) -> Iterator[Reservation]:
    for host in xml.iterfind("ip/dhcp/host"):
        mac = host.get("mac")
        if mac:
            yield Reservation(plain_mac(mac), host.get("ip"), line_of(host))
