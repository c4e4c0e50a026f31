"""A conversation with a libvirt daemon: what it asks for, and whether it opens a session.

Within TLS the daemon sends one byte once it has taken the client's certificate; without it there is no word. In TLS 1.3
the client's side believes in the connection long before that, so nothing less than this byte counts as admitted.
A session is opened read-only and closed at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from virtwarden.formats import Malformed
from virtwarden.lab import Impossible, Met, Reached, Served
from virtwarden.labs.probes import libvirtrpc as rpc
from virtwarden.labs.probes.libvirtrpc import Procedure
from virtwarden.labs.probes.papers import Papers
from virtwarden.labs.probes.scram import HASHES, Scram
from virtwarden.labs.probes.tls import served_on
from virtwarden.labs.probes.wire import Cut, Wire

TAKEN = b"\x01"
_DRIVER, _READ_ONLY = "qemu:///system", 1
_MOST_OTHERS = 16


class Refused(Exception):
    """The daemon answered that it will not; the message is its own."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in by name."""

    user: str
    password: bytes


class Talk:
    """Calls and their replies on one connection. Each raises `Cut`, `Malformed`, `Refused`."""

    def __init__(self, wire: Wire, program: int = rpc.REMOTE) -> None:
        self._wire = wire
        self._program = program
        self._serial = 0

    def ask(self, procedure: int, payload: bytes = b"") -> bytes:
        """Call, and the payload of the reply; what the daemon says besides is passed over."""
        self._serial += 1
        self._wire.send(rpc.call(procedure, self._serial, payload, self._program))
        for _ in range(_MOST_OTHERS):
            said = rpc.parse(self._wire.take(rpc.length(self._wire.take(4))))
            if said.program != self._program or not said.is_reply:
                continue  # it asks whether we are alive
            if (said.procedure, said.serial) != (procedure, self._serial):
                raise Malformed("a reply to something that was not asked")
            if said.error is not None:
                raise Refused(said.error)
            return said.payload
        raise Malformed("no reply among many messages")


def met(wire: Wire, papers: Papers | None, account: Account | None, *, encrypted: bool) -> Met:
    """Go as far as the daemon lets us. Raises `Impossible`."""
    so_far = Met(Reached.CONNECTED, "")
    try:
        if encrypted:
            so_far = replace(so_far, reached=Reached.GREETED, served=served_on(wire, papers))
            if wire.take(1) != TAKEN:
                raise Malformed("something else than libvirt's word that it took the certificate")
            so_far = replace(so_far, reached=Reached.ADMITTED)
        return _asked(Talk(wire), so_far, account)
    except Cut as cut:
        return replace(so_far, said=str(cut), silent=cut.silent)
    except Malformed as wrong:
        return replace(so_far, said=f"it is not libvirt that speaks there: {wrong}")


def administered(wire: Wire) -> Met:
    """Go as far as the socket of administration lets us."""
    try:
        Talk(wire, rpc.ADMIN).ask(rpc.ADMIN_OPEN, bytes(4))
    except Cut as cut:
        return Met(Reached.CONNECTED, str(cut), cut.silent)
    except (Malformed, Refused) as wrong:
        return Met(Reached.GREETED, str(wrong))
    return Met(Reached.SESSION, "the daemon lets itself be administered")


def _asked(talk: Talk, so_far: Met, account: Account | None) -> Met:
    """What it asks for, and what comes of it."""
    served: Served | None = so_far.served
    try:
        asks = rpc.authentications(talk.ask(Procedure.AUTH_LIST))
        mechanisms: tuple[str, ...] = ()
        if "sasl" in asks:
            listed = rpc.Reader(talk.ask(Procedure.SASL_INIT)).text()
            mechanisms = tuple(listed.replace(",", " ").split())
    except Refused as refusal:
        return replace(so_far, said=str(refusal))
    reached = Reached.ADMITTED
    known = Met(reached, "", served=served, asks=asks, mechanisms=mechanisms)
    try:
        if "sasl" in asks and account is not None:
            _log_in(talk, mechanisms, account)
        elif "polkit" in asks:
            talk.ask(Procedure.POLKIT)
        talk.ask(Procedure.OPEN, rpc.opening(_DRIVER, _READ_ONLY))
        talk.ask(Procedure.CLOSE)
    except Refused as refusal:
        return replace(known, said=str(refusal))
    except Cut as cut:
        return replace(known, said=str(cut), silent=cut.silent)
    return replace(known, reached=Reached.SESSION, said="it opened a session")


def _log_in(talk: Talk, mechanisms: tuple[str, ...], account: Account) -> None:
    mechanism = next((name for name in HASHES if name in mechanisms), None)
    if mechanism is None:
        raise Impossible(f"none of the mechanisms {', '.join(mechanisms)} can be tried from here")
    scram = Scram(mechanism, account.user, account.password)
    complete, said = _step(talk.ask(Procedure.SASL_START, rpc.text(mechanism) + rpc.wide(scram.first())))
    complete, said = _step(talk.ask(Procedure.SASL_STEP, rpc.wide(scram.final(said))))
    if not complete:
        _step(talk.ask(Procedure.SASL_STEP, rpc.wide(b"")))
    if not scram.is_proved(said):
        raise Malformed("the server does not know the password itself")


def _step(payload: bytes) -> tuple[bool, bytes]:
    reader = rpc.Reader(payload)
    complete = reader.number() != 0
    reader.number()
    return complete, reader.wide()
