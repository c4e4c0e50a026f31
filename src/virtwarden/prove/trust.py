"""That a peer's certificate is one that our clients take for its own."""

from __future__ import annotations

from functools import partial

from virtwarden.formats import Malformed
from virtwarden.lab import Bearer, Endpoint, Impossible, Met, Prober, Served, Speech
from virtwarden.model import Observation
from virtwarden.prove.twins import tried

NOBODYS = "virt-warden-proof.invalid"


def proves_itself(prober: Prober, at: Endpoint, speech: Speech, name: str | None) -> Observation:
    """By the name that is dialled, or one of its certificate's own where none is; and not by one that is nobody's."""
    claim = f"what is served at {at} proves itself to our clients" + (f" as {name}" if name else "")
    dialled = name or _own_name(tried(partial(_met, prober, at, speech)))
    try:
        if not dialled:
            return Observation(claim, None, "it served no certificate with a name")
        why = prober.trusted(at, speech, dialled)
        if why:
            return Observation(claim, False, f"as {dialled}: {why}")
        if not prober.trusted(at, speech, NOBODYS):
            return Observation(claim, False, f"it is taken for {NOBODYS} too, which is nobody")
    except Impossible as impossible:
        return Observation(claim, None, str(impossible))
    return Observation(claim, True, f"it is taken for {dialled}, and not for {NOBODYS}")


def _met(prober: Prober, at: Endpoint, speech: Speech) -> Met:
    """A conversation in TLS, whatever is spoken there."""
    return (
        prober.vnc(at)
        if speech == "vnc"
        else prober.libvirt(at, Bearer.NOBODY)
        if speech == "libvirt"
        else prober.spice(at, encrypted=True)
    )


def _own_name(met: Met | str) -> str:
    served: Served | None = None if isinstance(met, str) else met.served
    if served is None or not served.chain:
        return ""
    from virtwarden.formats.certificate import certificate  # noqa: PLC0415  # loading the library takes long

    try:
        names = certificate(served.chain[0]).alternative_names
    except Malformed:
        return ""
    return next((each for each in names if "*" not in each), "")
