"""TLS with a peer as it is spoken in earnest: which certificates are shown and taken.

Our own library is told to allow everything, so that what is weak about the peer is seen instead of refused by us.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from virtwarden.lab import Impossible, Served
from virtwarden.labs.probes.papers import Papers
from virtwarden.labs.probes.wire import Cut, Wire

_EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
WITHOUT_CERTIFICATE = "aNULL:@SECLEVEL=0"


def context(papers: Papers | None = None, ciphers: str = _EVERYTHING) -> ssl.SSLContext:
    """Whatever the peer shows is taken, and `papers` are shown where the peer asks. Raises `Impossible`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    made.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    try:
        made.set_ciphers(ciphers)
    except ssl.SSLError:
        raise Impossible(f"the TLS library of this machine has none of {ciphers.partition(':@')[0]}") from None
    if ciphers == WITHOUT_CERTIFICATE:
        made.maximum_version = ssl.TLSVersion.TLSv1_2  # in TLS 1.3 there is no such thing
    if papers is not None:
        papers.load(made)
    return made


def served_on(wire: Wire, papers: Papers | None = None, ciphers: str = _EVERYTHING) -> Served:
    """Agree on TLS; what the peer showed. Raises `Cut`, `Impossible`."""
    return seen(wire.encrypt(context(papers, ciphers)))


def seen(within: ssl.SSLSocket) -> Served:
    """What a peer showed when TLS was agreed on."""
    cipher = within.cipher()
    return Served(tuple(_chain(within)), within.version() or "", cipher[0] if cipher else "")


def trusted(wire: Wire, authority: str, name: str) -> str:
    """Why a client that trusts the authorities in this file and dials this name refuses the peer; empty where it does
    not. Raises `Cut`, `Impossible`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.set_ciphers("DEFAULT:@SECLEVEL=1")
    try:
        made.load_verify_locations(authority)
    except (OSError, ssl.SSLError):
        raise Impossible(f"{authority} cannot be read as certificates of authorities") from None
    wire.socket.settimeout(wire.hurry())
    try:
        wire.socket = within = made.wrap_socket(wire.socket, server_hostname=name, do_handshake_on_connect=False)
        within.do_handshake()
    except ssl.SSLCertVerificationError as refused:
        return refused.verify_message.rstrip(".").lower()
    except (OSError, ValueError) as wrong:
        raise Cut(str(wrong)) from None
    return ""


def _chain(within: ssl.SSLSocket) -> Iterator[str]:
    """The chain in PEM, the peer's own first; where this Python does not tell the chain, that one alone."""
    for owner in (within, getattr(within, "_sslobj", None)):
        asked = getattr(owner, "get_unverified_chain", None)
        if asked is not None:
            for each in asked() or ():
                der = each if isinstance(each, bytes) else each.public_bytes(_DER)
                yield ssl.DER_cert_to_PEM_cert(der)
            return
    alone = within.getpeercert(binary_form=True)
    if alone:
        yield ssl.DER_cert_to_PEM_cert(alone)


_DER = 2  # as the C module that Python's ssl stands on numbers the forms
