"""That a VNC console speaks nothing but TLS and takes nobody but whom it knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from virtwarden.controls.remote.sasl_mechanism_strong import WEAK
from virtwarden.lab import Bearer, Endpoint, Met, Prober, Reached
from virtwarden.model import Observation
from virtwarden.prove.trust import proves_itself
from virtwarden.prove.twins import how_far, let_in, modern_only, none_taken, refused, tried

STRANGERS = (Bearer.NOBODY, Bearer.SELF_SIGNED, Bearer.FOREIGN, Bearer.EXPIRED, Bearer.REVOKED)
"""QEMU does not ask which client of its authority it is, nor whether it is one: a server of it is let in, too."""

_VENCRYPT = 19
_CERTIFIED = frozenset((260, 261, 262, 263))
_TYPES = {1: "no authentication", 2: "a VNC password", 16: "Tight", 18: "TLS", _VENCRYPT: "VeNCrypt", 20: "SASL"}
_SUBTYPES = {
    256: "a password in the clear",
    257: "TLS without a certificate",
    258: "TLS without a certificate and a VNC password",
    259: "TLS without a certificate and a password",
    260: "TLS",
    261: "TLS and a VNC password",
    262: "TLS and a password",
    263: "TLS and SASL",
    264: "TLS without a certificate and SASL",
}


@dataclass(frozen=True, slots=True)
class Vnc:
    """One console, and its websocket if it has one."""

    guest: str
    at: Endpoint
    websocket: Endpoint | None = None

    @property
    def name(self) -> str:
        """As claims call it."""
        return f"VNC of {self.guest} at {self.at}"


def prove_vnc(prober: Prober, target: Vnc) -> Iterator[Observation]:
    """One that others than this host can reach."""
    at, name = target.at, target.name
    yield _offers_tls_only(prober, target)
    versions = prober.versions(at, "vnc")
    yield modern_only(f"{name} agrees to no TLS before 1.2", versions)
    claim = f"{name} agrees to no cipher that is broken or leaves out encryption or the certificate"
    yield none_taken(claim, prober.weak_ciphers(at, "vnc"), [each for each in versions if each.taken])
    ours = tried(partial(prober.vnc, at, Bearer.OURS))
    yield let_in(f"{name} lets our client in", ours)
    for bearer in STRANGERS:
        yield _closed(f"{name} is closed to {bearer}", tried(partial(prober.vnc, at, bearer)), ours)
    yield proves_itself(prober, at, "vnc", None)
    if target.websocket is not None:
        yield _websocket(prober, target, target.websocket)


def prove_vnc_near(prober: Prober, target: Vnc) -> Iterator[Observation]:
    """Somebody on this host who has no rights here."""
    claim = f"{target.name} is closed to a local user without rights"
    stranger = tried(partial(prober.stranger().vnc, target.at))
    bearer = Bearer.NOBODY if target.at.path else Bearer.OURS
    yield _closed(claim, stranger, tried(partial(prober.vnc, target.at, bearer)))


def _offers_tls_only(prober: Prober, target: Vnc) -> Observation:
    claim = f"{target.name} offers nothing but TLS with a certificate"
    found = prober.vnc_offer(target.at)
    if isinstance(found, Met):
        return Observation(claim, None, found.said)
    named = [_SUBTYPES.get(each, f"sub-type {each}") for each in found.subtypes]
    named += [_TYPES.get(each, f"type {each}") for each in found.types if each != _VENCRYPT]
    only = found.types == (_VENCRYPT,) and bool(found.subtypes) and _CERTIFIED.issuperset(found.subtypes)
    return Observation(claim, only, f"it offers {', '.join(named) or 'VeNCrypt without a sub-type'}")


def _closed(claim: str, stranger: Met | str, twin: Met | str) -> Observation:
    """A log-in that does not hand the password over is as good as a certificate; a VNC password is not."""
    if isinstance(stranger, Met) and stranger.reached is Reached.ADMITTED and stranger.asks == ("sasl",):
        weak = [each for each in stranger.mechanisms if each.lower() in WEAK]
        return Observation(claim, bool(stranger.mechanisms) and not weak, how_far(stranger))
    if isinstance(stranger, Met) and stranger.asks == ("password",):
        return Observation(
            claim, False, "it asks for no more than a VNC password, of which eight characters count"
        )
    return refused(claim, stranger, twin)


def _websocket(prober: Prober, target: Vnc, at: Endpoint) -> Observation:
    claim = f"VNC of {target.guest} takes no websocket in the clear at {at}"
    plain = tried(partial(prober.websocket, at, encrypted=False))
    if isinstance(plain, Met) and plain.reached >= Reached.GREETED:
        return Observation(claim, False, plain.said)
    return refused(claim, plain, tried(partial(prober.websocket, at, encrypted=True)), Reached.GREETED)
