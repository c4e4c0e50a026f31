"""A conversation with a VNC server: what it offers, and how far it lets us come.

It goes up to where a password would be asked for, and never as far as a shared session: who is watching notices
nothing.
Sources: RFC 6143; the VeNCrypt extension with the numbers that QEMU and its viewers use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from virtwarden.formats import Malformed
from virtwarden.lab import Impossible, Met, Reached, Served, VncOffer
from virtwarden.labs.probes.papers import Papers
from virtwarden.labs.probes.tls import WITHOUT_CERTIFICATE, served_on
from virtwarden.labs.probes.wire import Cut, Wire

NONE, PASSWORD, VENCRYPT, SASL = 1, 2, 19, 20
PLAIN = 256
CERTIFIED = (260, 261, 262, 263)
ANONYMOUS = (257, 258, 259, 264)
_ASKS = {257: "", 260: "", 258: "password", 261: "password", 259: "plain", 262: "plain", 263: "sasl", 264: "sasl"}
_BY_TYPE = {NONE: "", PASSWORD: "password", SASL: "sasl"}
_VERSION = re.compile(rb"RFB (\d{3})\.(\d{3})\n", re.ASCII)
_NEWEST = (3, 8)
_LONGEST_REASON = 1 << 12
_CHALLENGE = 16


class Rejected(Exception):
    """The server said no; the message is its own, if it gave one."""


@dataclass(slots=True)
class Hello:
    """A conversation past its greeting: the version spoken, and what is offered."""

    wire: Wire
    version: tuple[int, int]
    types: tuple[int, ...]


def offer(wire: Wire) -> VncOffer | Met:
    """What is offered; how far we came where it was not said."""
    try:
        hello = _greeted(wire)
        subtypes = _subtypes(hello) if VENCRYPT in hello.types else ()
    except (Cut, Malformed, Rejected) as wrong:
        return _ended(Met(Reached.CONNECTED, ""), wrong)
    return VncOffer(f"{hello.version[0]}.{hello.version[1]}", hello.types, subtypes)


def met(wire: Wire, papers: Papers | None) -> Met:
    """Go as far as the server lets us; without a certificate by the weakest way that there is. Raises `Impossible`."""
    so_far = Met(Reached.CONNECTED, "")
    try:
        hello = _greeted(wire)
        so_far = replace(so_far, reached=Reached.GREETED)
        order = (NONE, VENCRYPT, PASSWORD, SASL) if papers is None else (VENCRYPT, NONE, PASSWORD, SASL)
        kind = next((each for each in order if each in hello.types), None)
        if kind is None:
            return replace(so_far, said=f"it offers only the security types {', '.join(map(str, hello.types))}")
        if kind == VENCRYPT:
            subtype = _chosen(_subtypes(hello), papers)
            so_far = replace(so_far, served=_encrypted(wire, subtype, papers))
            return _answered(wire, hello.version, _ASKS[subtype], so_far)
        if hello.version != (3, 3):
            wire.send(bytes((kind,)))
        return _answered(wire, hello.version, _BY_TYPE[kind], so_far)
    except (Cut, Malformed, Rejected) as wrong:
        return _ended(so_far, wrong)


def opening(wire: Wire) -> Wire:
    """Go on to where TLS begins. Raises `Cut`."""
    try:
        hello = _greeted(wire)
        if VENCRYPT not in hello.types:
            raise Cut("it offers no VeNCrypt")
        _ask_for(wire, _chosen(_subtypes(hello), None))
    except (Malformed, Rejected, Impossible) as wrong:
        raise Cut(str(wrong)) from None
    return wire


def _greeted(wire: Wire) -> Hello:
    found = _VERSION.fullmatch(wire.take(12))
    if found is None:
        raise Malformed("it is not VNC that speaks there")
    theirs = (int(found[1]), int(found[2]))
    version = _NEWEST if theirs >= _NEWEST else (3, 7) if theirs == (3, 7) else (3, 3)
    wire.send(b"RFB %03d.%03d\n" % version)
    if version == (3, 3):
        kind = int.from_bytes(wire.take(4), "big")
        types: tuple[int, ...] = (kind,) if kind else ()
    else:
        types = tuple(wire.take(wire.take(1)[0]))
    if not types:
        raise Rejected(_reason(wire))
    return Hello(wire, version, types)


def _subtypes(hello: Hello) -> tuple[int, ...]:
    wire = hello.wire
    wire.send(bytes((VENCRYPT,)))
    if wire.take(2) < b"\x00\x02":
        raise Malformed("a version of VeNCrypt before 0.2")
    wire.send(b"\x00\x02")
    if wire.take(1) != b"\x00":
        raise Rejected("it does not speak VeNCrypt 0.2 after all")
    count = wire.take(1)[0]
    data = wire.take(4 * count)
    return tuple(int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4))


def _chosen(subtypes: tuple[int, ...], papers: Papers | None) -> int:
    """The sub-type to try: without a certificate of ours the weakest that there is."""
    order = (*CERTIFIED, *ANONYMOUS) if papers is not None else (*ANONYMOUS, *CERTIFIED)
    found = next((each for each in order if each in subtypes), None)
    if found is None:
        raise Impossible(f"none of the VeNCrypt sub-types {', '.join(map(str, subtypes))} can be tried from here")
    return found


def _ask_for(wire: Wire, subtype: int) -> None:
    wire.send(subtype.to_bytes(4, "big"))
    if wire.take(1) != b"\x01":
        raise Rejected("it does not take the VeNCrypt sub-type that it offered")


def _encrypted(wire: Wire, subtype: int, papers: Papers | None) -> Served:
    _ask_for(wire, subtype)
    if subtype in ANONYMOUS:
        return served_on(wire, None, WITHOUT_CERTIFICATE)
    return served_on(wire, papers)


def _answered(wire: Wire, version: tuple[int, int], asks: str, so_far: Met) -> Met:
    """What follows once the server took us: a question for a password or a log-in, or its verdict."""
    if asks == "password":
        wire.take(_CHALLENGE)
        return replace(so_far, reached=Reached.ADMITTED, asks=("password",), said="it asks for a VNC password")
    if asks == "sasl":
        listed = wire.take(_bounded(wire)).decode("ascii", "replace")
        mechanisms = tuple(listed.replace(",", " ").split())
        said = f"it asks for a log-in by {', '.join(mechanisms)}"
        return replace(so_far, reached=Reached.ADMITTED, asks=("sasl",), mechanisms=mechanisms, said=said)
    if asks == "plain":
        return replace(so_far, reached=Reached.GREETED, asks=("plain",), said="it asks for a name and a password")
    if version >= (3, 8) and wire.take(4) != bytes(4):
        raise Rejected(_reason(wire))
    return replace(so_far, reached=Reached.SESSION, said="it opened a session")


def _reason(wire: Wire) -> str:
    try:
        said = wire.take(_bounded(wire)).decode("utf-8", "replace")
    except Cut:
        said = ""
    return " ".join(said.split()) or "it refused without giving a reason"


def _bounded(wire: Wire) -> int:
    size = int.from_bytes(wire.take(4), "big")
    if size > _LONGEST_REASON:
        raise Malformed(f"a text of {size} bytes")
    return size


def _ended(so_far: Met, wrong: Exception) -> Met:
    return replace(so_far, said=str(wrong), silent=isinstance(wrong, Cut) and wrong.silent)
