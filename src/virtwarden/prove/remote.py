"""That libvirt lets in over the network whom it should, and nobody else: strangers are tried, and our own client too.

Where our own is not let in either, or is not at hand, a refusal proves nothing, and the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from virtwarden.controls.remote.sasl_mechanism_strong import WEAK
from virtwarden.facts.remote import PORTS, Remote, RemoteDaemon, listening
from virtwarden.facts.unix_sockets import UnixSocket, UnixSockets
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.lab import Bearer, Endpoint, Impossible, Met, Person, Prober, Reached, Taken
from virtwarden.model import Observation
from virtwarden.prove.endpoints import is_loopback, own_addresses, spread
from virtwarden.prove.trust import proves_itself
from virtwarden.prove.twins import let_in, modern_only, none_taken, refused, tried

STRANGERS = (
    Bearer.NOBODY,
    Bearer.SELF_SIGNED,
    Bearer.FOREIGN,
    Bearer.SERVER,
    Bearer.UNLISTED,
    Bearer.EXPIRED,
    Bearer.REVOKED,
)
_LOG_IN = ("sasl",)


def prove_remote(host: Host, prober: Prober, ports: Sequence[int] = ()) -> Iterator[Observation]:
    """This host: TLS where it is open, plain TCP on every address, and the UNIX sockets. With `ports`, only those of
    TLS."""
    try:
        daemons = host.get(Remote).daemons
    except (Absent, Unknown) as refusal:
        yield Observation("libvirt is closed to strangers", None, str(refusal))
        return
    for daemon in daemons:
        yield from _tls_of(host, prober, daemon, ports)
        yield from _plain_of(prober, daemon)
    yield from _sockets(host, prober)


def prove_from_outside(prober: Prober, name: str, ports: Sequence[int] = ()) -> Iterator[Observation]:
    """Another host, dialled by this name: TLS and plain TCP as they are met from here."""
    places = [Endpoint(name, port) for port in ports or (PORTS["tls"],)]
    for at in places:
        yield from prove_tls(prober, at, name)
    plain = Endpoint(name, PORTS["tcp"])
    yield _closed(
        f"plain TCP to libvirt is closed at {plain}", prober, [plain], tried(partial(prober.connects, places[0]))
    )


def prove_tls(prober: Prober, at: Endpoint, name: str | None) -> Iterator[Observation]:
    """One port that speaks TLS; by `name` it is dialled, None where any name of its own certificate will do."""
    reached = prober.connects(at)
    if reached.reached is Reached.NOWHERE:
        yield Observation(
            f"libvirt at {at} is closed to strangers", None, f"it is closed to everybody: {reached.said}"
        )
        return
    ours = tried(partial(prober.libvirt, at, Bearer.OURS))
    yield let_in(f"libvirt at {at} lets our client in", ours)
    for bearer in STRANGERS:
        stranger = tried(partial(prober.libvirt, at, bearer))
        yield refused(f"libvirt at {at} is closed to {bearer}", stranger, ours)
    yield _nothing_in_the_clear(prober, at)
    yield from _agreements(prober, at)
    itself = proves_itself(prober, at, "libvirt", name)
    yield itself
    yield from _log_ins(prober, at, ours, itself)


def _tls_of(host: Host, prober: Prober, daemon: RemoteDaemon, ports: Sequence[int]) -> Iterator[Observation]:
    claim = f"{daemon.name} is closed to strangers in TLS"
    try:
        found = [each for each in listening(host, daemon, "tls") if not ports or each.port in ports]
        is_set_up = bool(daemon.offered("tls"))
        places = spread(prober, ((each.address, each.port) for each in found))
    except (Unknown, Impossible) as refusal:
        yield Observation(claim, None, str(refusal))
        return
    if not places and (is_set_up or ports):
        yield Observation(claim, None, f"{daemon.name} is set up for TLS and does not listen for it")
    for at in places:
        yield from prove_tls(prober, at, None)


def _nothing_in_the_clear(prober: Prober, at: Endpoint) -> Observation:
    plain = tried(partial(prober.libvirt, at, None))
    twin = tried(partial(prober.libvirt, at, Bearer.NOBODY))
    return refused(f"libvirt at {at} understands nothing in the clear", plain, twin, Reached.GREETED)


def _agreements(prober: Prober, at: Endpoint) -> Iterator[Observation]:
    versions = prober.versions(at, "libvirt")
    yield modern_only(f"libvirt at {at} agrees to no TLS before 1.2", versions)
    claim = f"libvirt at {at} agrees to no cipher that is broken or leaves out encryption or the certificate"
    yield none_taken(claim, prober.weak_ciphers(at, "libvirt"), _modern(versions))


def _modern(versions: Sequence[Taken]) -> list[Taken]:
    return [each for each in versions if each.taken]


def _log_ins(prober: Prober, at: Endpoint, ours: Met | str, itself: Observation) -> Iterator[Observation]:
    """Where a log-in is asked for: it cannot be left out, and only who is known gets through. No password is tried at a
    server that has not proved itself."""
    if not isinstance(ours, Met) or ours.asks != _LOG_IN:
        return
    yield _strong(at, ours)
    ours_in: Met | str = "what is served did not prove itself, so no password is tried there"
    if itself.holds:
        ours_in = tried(partial(prober.libvirt, at, Bearer.OURS, Person.OURS))
    yield refused(f"libvirt at {at} opens no session without a log-in", ours, ours_in, Reached.SESSION)
    for person in (Person.MADE_UP, Person.UNLISTED) if itself.holds else ():
        stranger = tried(partial(prober.libvirt, at, Bearer.OURS, person))
        yield refused(f"libvirt at {at} is closed to {person}", stranger, ours_in, Reached.SESSION)


def _strong(at: Endpoint, met: Met) -> Observation:
    claim = f"libvirt at {at} offers no broken SASL mechanism"
    offered = ", ".join(met.mechanisms)
    if not met.mechanisms:
        return Observation(claim, None, "it named none at all")
    weak = [each for each in met.mechanisms if each.lower() in WEAK]
    return Observation(claim, not weak, f"it offered {offered}")


def _plain_of(prober: Prober, daemon: RemoteDaemon) -> Iterator[Observation]:
    claim = "plain TCP to libvirt is closed on every address"
    try:
        addresses = own_addresses(prober)
    except Impossible as why:
        yield Observation(claim, None, str(why))
        return
    ports = daemon.ports("tcp")
    far = [Endpoint(address, port) for address in addresses if not is_loopback(address) for port in ports]
    unreached = [each for each in addresses if not is_in_reach(prober, each)]
    if unreached:
        yield Observation(claim, None, f"not even a port of our own at {', '.join(unreached)} could be reached")
        return
    twin = Met(Reached.CONNECTED, "a port of our own at each was reached")
    yield _closed(claim, prober, far, twin)
    near = [Endpoint(address, port) for address in addresses if is_loopback(address) for port in ports]
    for at in near:
        if prober.connects(at).reached >= Reached.CONNECTED:
            claim = f"libvirt at {at}, in the clear, gives no session to a local user without rights"
            stranger = tried(partial(prober.stranger().libvirt, at))
            yield refused(claim, stranger, tried(partial(prober.libvirt, at, None, Person.OURS)), Reached.SESSION)


def is_in_reach(prober: Prober, address: str) -> bool:
    """Whether a port of our own there can be reached."""
    return prober.reaches(address).reached >= Reached.CONNECTED


def _closed(claim: str, prober: Prober, places: Sequence[Endpoint], twin: Met | str) -> Observation:
    met = [(at, prober.connects(at)) for at in places]
    taken = [at for at, how in met if how.reached >= Reached.CONNECTED]
    if taken:
        how = prober.libvirt(taken[0])
        asked = f"; it asks for {' or '.join(how.asks)}" if how.asks else ""
        offered = f" by {', '.join(how.mechanisms)}" if how.mechanisms else ""
        return Observation(claim, False, f"{', '.join(map(str, taken))} takes connections{asked}{offered}")
    if isinstance(twin, str) or twin.reached < Reached.CONNECTED:
        why = twin if isinstance(twin, str) else twin.said
        return Observation(claim, None, f"nothing else there answered either: {why}")
    tried_at = ", ".join(f"{at}: {how.said}" for at, how in met) or "there is no address besides the loopback"
    return Observation(claim, True, f"{tried_at}; {twin.said}")


def _sockets(host: Host, prober: Prober) -> Iterator[Observation]:
    try:
        sockets = host.get(UnixSockets).sockets
    except (Absent, Unknown) as refusal:
        yield Observation("libvirt's UNIX sockets are closed to local users without rights", None, str(refusal))
        return
    for socket in sockets:
        if socket.live is not None:
            yield _socket(prober, socket, socket.live)


def _socket(prober: Prober, socket: UnixSocket, live: Stat | Unknown) -> Observation:
    claim = f"{socket.name} of {socket.daemon} gives no session to a local user without rights"
    if isinstance(live, Unknown):
        return Observation(claim, None, str(live))
    at = Endpoint(path=live.real)
    stranger = prober.stranger()
    if socket.administers:
        who, twin = partial(stranger.administration, at), partial(prober.administration, at)
    else:
        who, twin = partial(stranger.libvirt, at), partial(prober.libvirt, at)
    return refused(claim, tried(who), tried(twin), Reached.SESSION)
