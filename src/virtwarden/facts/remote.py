"""How the host can be managed over the network: which daemon offers TCP or TLS, by what and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from virtwarden.facts.daemon_conf import DaemonConf, DaemonConfs
from virtwarden.facts.daemon_units import DaemonUnits
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.policy import Policy
from virtwarden.facts.units import Units
from virtwarden.formats.digits import whole
from virtwarden.host import Absent, Host, Unknown, Want
from virtwarden.model import Evidence

Transport = Literal["tcp", "tls"]
TRANSPORTS: tuple[Transport, ...] = ("tcp", "tls")
PORTS: dict[Transport, int] = {"tcp": 16509, "tls": 16514}
_HOLDERS = frozenset({"libvirtd", "virtproxyd", "systemd", "init"})


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which a daemon is set up to listen: a socket unit, or the daemon itself (`unit` is None).

    `streams` are what it listens on, as it is written: a port alone means every address.
    """

    transport: Transport
    daemon: str
    unit: str | None
    streams: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class RemoteDaemon:
    """A daemon that can listen for the network. `settings` is a refusal where its conf file could not be read,
    `offers` where it could not be told what it is set up to listen on, by transport;
    `looked_at` is what says so where it is set up for nothing."""

    name: str
    settings: DaemonConf | Unknown
    offers: Mapping[Transport, tuple[Offer, ...] | Unknown] = field(default_factory=dict)
    looked_at: Mapping[Transport, tuple[Evidence, ...]] = field(default_factory=dict)

    @property
    def conf(self) -> DaemonConf:
        """Its settings. Raises `Unknown`."""
        if isinstance(self.settings, Unknown):
            raise Unknown(str(self.settings), *self.settings.evidence)
        return self.settings

    def offered(self, transport: Transport) -> tuple[Offer, ...]:
        """The ways in which it is set up to offer a transport. Raises `Unknown`."""
        offers = self.offers.get(transport, ())
        if isinstance(offers, Unknown):
            raise Unknown(str(offers), *offers.evidence)
        return offers

    def ports(self, transport: Transport) -> tuple[int, ...]:
        """The ports on which the transport may be found: libvirt's own and those that are set."""
        conf = self.settings if isinstance(self.settings, DaemonConf) else DaemonConf()
        offers = self.offers.get(transport, ())
        streams = [] if isinstance(offers, Unknown) else [stream for offer in offers for stream in offer.streams]
        texts = (conf.tcp_port if transport == "tcp" else conf.tls_port, *streams)
        found = [whole(text.rpartition(":")[2]) for text in texts]
        return tuple(dict.fromkeys((PORTS[transport], *(port for port in found if port is not None))))


@dataclass(frozen=True, slots=True)
class Remote:
    """The daemons of the host that can listen for the network: one, or both kinds on a host that mixes them."""

    daemons: tuple[RemoteDaemon, ...]

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Put together what conf files, arguments and socket units say."""
        libvirt = host.get(Libvirt)
        names = [
            name
            for name, used in (("libvirtd", libvirt.monolithic), ("virtproxyd", libvirt.modular))
            if used and name in libvirt.installed
        ]
        if not names:
            raise Absent("no daemon that could listen for the network is installed", *libvirt.evidence)
        return cls(tuple(_daemon(host, name) for name in names))


def listening(host: Host, daemon: RemoteDaemon, transport: Transport) -> tuple[Listener, ...]:
    """The sockets on which the transport is open now. Raises `Unknown`."""
    found = host.get(Listeners).on(*daemon.ports(transport))
    return tuple(each for each in found if not each.programs or not _HOLDERS.isdisjoint(each.programs))


def is_offered(host: Host, daemon: RemoteDaemon, transport: Transport) -> bool:
    """Whether a transport is set up, wanted by the policy, or open now without being set up. Raises `Unknown` where
    it cannot be told what is set up."""
    if daemon.offered(transport) or host.get(Policy).remote.transport == transport:
        return True
    try:
        return bool(listening(host, daemon, transport))
    except Unknown:
        return False  # nothing that is set up would open it


def asks_for_sasl(host: Host, daemon: RemoteDaemon) -> tuple[Evidence, ...]:
    """The settings by which a daemon's offered ports ask for SASL, or should by the policy. Raises `Unknown`."""
    wanted = host.get(Policy).remote.sasl_over_tls
    found = []
    for transport in TRANSPORTS:
        key = f"auth_{transport}"
        asks = getattr(daemon.conf, key) == "sasl" or (transport == "tls" and wanted)
        if asks and is_offered(host, daemon, transport):
            found.append(daemon.conf.cite(key))
    return tuple(found)


def _daemon(host: Host, name: str) -> RemoteDaemon:
    try:
        settings: DaemonConf | Unknown = host.get(DaemonConfs).of(name)
    except Unknown as refused:
        settings = refused
    offers: dict[Transport, tuple[Offer, ...] | Unknown] = {}
    looked_at: dict[Transport, tuple[Evidence, ...]] = {}
    for transport in TRANSPORTS:
        try:
            offers[transport] = _offers(host, name, settings, transport)
            looked_at[transport] = tuple(_looked_at(host, name, settings, transport))
        except Unknown as refused:
            offers[transport] = refused
    return RemoteDaemon(name, settings, offers, looked_at)


def _looked_at(host: Host, name: str, settings: DaemonConf | Unknown, transport: Transport) -> Iterator[Evidence]:
    unit = host.get(Units).files.get(f"{name}-{transport}.socket")
    service = host.get(DaemonUnits).service(name)
    if unit is not None:
        yield unit.evidence
    if service.evidence is not None:
        yield service.evidence
    if isinstance(settings, DaemonConf):
        yield settings.cite(f"listen_{transport}")


def _offers(host: Host, name: str, settings: DaemonConf | Unknown, transport: Transport) -> tuple[Offer, ...]:
    units, enabled = host.get(DaemonUnits), host.get(Units)
    unit = f"{name}-{transport}.socket"
    offers: list[Offer] = []
    socket, state = units.socket(unit), enabled.enabled(unit) if units.heeded else None
    if state is not None:
        streams = socket.streams if socket is not None else (str(PORTS[transport]),)
        cited = (state.evidence,) if socket is None else (state.evidence, socket.evidence)
        offers.append(Offer(transport, name, unit, streams, cited))
    service = units.service(name)
    activated = units.activated(name, enabled)
    # libvirtd opens ports only with --listen; virtproxyd has no such argument and heeds its conf file alone.
    if service.listens if name == "libvirtd" else not activated:
        if isinstance(settings, Unknown):
            raise Unknown(str(settings), *settings.evidence)
        key = f"listen_{transport}"
        wanted = settings.listen_tcp if transport == "tcp" else settings.listen_tls
        if wanted if wanted is not None else name == "libvirtd":
            port = settings.tcp_port if transport == "tcp" else settings.tls_port
            stream = f"{settings.listen_addr}:{port}" if settings.listen_addr else port
            cited = (settings.cite(key),) if service.evidence is None else (settings.cite(key), service.evidence)
            offers.append(Offer(transport, name, None, (stream,), cited))
    return tuple(offers)
