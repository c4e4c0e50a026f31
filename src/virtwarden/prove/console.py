"""That the consoles of running guests are open to whom they should be, and to nobody else.

A console that others can reach has to speak TLS alone and ask who it is; one that only this host can reach is tried by
somebody who has no rights here. Nobody who is watching a guest notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from virtwarden.facts.consoles import Place, places
from virtwarden.facts.domain import Console, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Host, Unknown
from virtwarden.lab import Endpoint, Impossible, Prober
from virtwarden.model import Observation
from virtwarden.prove.endpoints import concrete
from virtwarden.prove.spice import Spice, prove_spice, prove_spice_near
from virtwarden.prove.vnc import Vnc, prove_vnc, prove_vnc_near

CLAIM = "the consoles of running guests are closed to strangers"


def prove_console(host: Host, prober: Prober, names: Sequence[str] = ()) -> Iterator[Observation]:
    """The consoles of all guests that run, or of those that are named."""
    try:
        guests, conf = host.get(Guests), host.get(QemuConf)
    except (Absent, Unknown) as refusal:
        yield Observation(CLAIM, None, str(refusal))
        return
    if guests.liveness is not None:
        yield Observation(CLAIM, None, f"which guests run: {guests.liveness}")
    running = [guest for guest in guests.guests if guest.running and (not names or guest.name in names)]
    tried = False
    for guest in running:
        seen = tuple(_of_guest(guest, conf, prober))
        tried = tried or bool(seen)
        yield from seen
        if names and not seen:
            yield Observation(_claim_of(guest.name), None, "it has no console that listens")
    yield from _left_out(guests, names)
    if not (tried or names or guests.liveness or guests.unread):  # what tries nothing proves nothing
        why = "no running guest has a console that listens" if running else "no guest runs"
        yield Observation(CLAIM, None, why)


def _claim_of(guest: str) -> str:
    return f"the consoles of {guest} are closed to strangers"


def _left_out(guests: Guests, names: Sequence[str]) -> Iterator[Observation]:
    """What was asked for, or lies there, and could not be tried."""
    running = {guest.name for guest in guests.guests if guest.running}
    for name in names:
        if name not in running:
            yield Observation(_claim_of(name), None, f"guest {name} does not run")
    if guests.unread and not names:
        yield Observation(CLAIM, None, f"{guests.unread[0].where}: {guests.unread[0].text}")


def _of_guest(guest: Guest, conf: QemuConf, prober: Prober) -> Iterator[Observation]:
    if guest.in_force is None:
        return
    for console in guest.in_force.consoles:
        for place in places(console, conf):
            try:
                if console.kind == "vnc":
                    yield from _vnc(guest.name, console, place, prober)
                elif console.kind == "spice":
                    yield from _spice(guest.name, console, place, prober)
                elif place.reach != "none":
                    raise Impossible(f"nobody here speaks {console.kind.upper()}")
            except Impossible as why:
                yield Observation(f"{console.kind.upper()} of {guest.name} is closed to strangers", None, str(why))


def _vnc(guest: str, console: Console, place: Place, prober: Prober) -> Iterator[Observation]:
    at = _endpoint(place, console.port, prober)
    if at is None:
        _expects_none(place)
        return
    websocket = _endpoint(place, console.websocket, prober)
    target = Vnc(guest, at, websocket if websocket is not None and websocket.port else None)
    if place.beyond:
        yield from prove_vnc(prober, target)
    yield from prove_vnc_near(prober, target)


def _spice(guest: str, console: Console, place: Place, prober: Prober) -> Iterator[Observation]:
    plain, secured = (_endpoint(place, port, prober) for port in (console.port, console.tls_port))
    if plain is None and secured is None:
        _expects_none(place)
    if place.reach == "socket":
        secured = None
    target = Spice(guest, plain, secured)
    if place.beyond:
        yield from prove_spice(prober, target)
    yield from prove_spice_near(prober, target)


def _expects_none(place: Place) -> None:
    """Raises `Impossible` where something should listen."""
    if place.reach != "none":
        raise Impossible(f"libvirt does not tell on which port of {place.address} it listens")


def _endpoint(place: Place, port: int | None, prober: Prober) -> Endpoint | None:
    """Where to knock; None where nothing listens. Raises `Impossible`."""
    if place.reach == "socket":
        if not place.address:
            raise Impossible("libvirt does not tell the path of its UNIX socket")
        return Endpoint(path=place.address)
    if place.reach == "none" or port is None:
        return None
    return Endpoint(concrete(prober, place.address), port)
