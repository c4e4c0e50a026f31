"""What can be wrong with certificates, keys and their places: a word for each fault, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

Version = tuple[int, ...]


class Weight(Enum):
    """How much a fault weighs: libvirt or GnuTLS refuses it; it works and ought not to; it could not be told."""

    REFUSED = "refused"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `code` is one of `TODO`; `line` counts from 1, 0 where it is about the whole file."""

    code: str
    message: str
    weight: Weight = Weight.UNSAFE
    file: str = ""
    line: int = 0

    @property
    def todo(self) -> str:
        """What to do about it."""
        return TODO[self.code]


def at(file: str, line: int, faults: Iterable[Fault]) -> Iterable[Fault]:
    """The same faults, with where they are."""
    return (replace(each, file=file, line=line) for each in faults)


def refused(code: str, message: str) -> Fault:
    """A fault for which libvirt or GnuTLS ends the session, or does not begin one."""
    return Fault(code, message, Weight.REFUSED)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the site asks for: the least RSA key size in bits, the longest lives and the notice before they end, and
    the oldest libvirt that will read the files (None: it is not known, so the strictest is meant)."""

    rsa_bits: int = 2048
    leaf: timedelta = timedelta(days=825)
    authority: timedelta = timedelta(days=3653)
    notice: timedelta = timedelta(days=30)
    libvirt: Version | None = None


_ISSUE = "issue a new certificate for it and install it with its key"
_AUTHORITY = "make a new authority, trust both for a while, issue new certificates, then drop the old one"
_ADD = "put the authority that issued it, and those in between, into the file of the trusted authorities"

TODO = {
    "unreadable": "put a whole certificate, key or list in its place, in PEM",
    "not-read": "run this as root, or see why the file cannot be read",
    "unsupported": "look at it with certtool -i",
    "old-version": _ISSUE,
    "weak-key": "make a new key: ECDSA P-256 or P-384, or RSA of 3072 bits; issue a certificate for it",
    "weak-signature": "issue the certificate anew, signed with SHA-256 or better",
    "not-yet-valid": "set the clocks right, or issue a certificate that is valid now",
    "expired": _ISSUE,
    "ends-soon": "renew it before it ends",
    "long-lived": "issue certificates for shorter lives and renew them in time",
    "predictable-serial": "issue it anew with a random serial number",
    "repeated-serial": "issue both anew with random serial numbers",
    "not-an-authority": _AUTHORITY,
    "may-not-sign": _AUTHORITY,
    "is-an-authority": "issue a certificate that is no authority (CA:FALSE) for it",
    "no-usage": _ISSUE,
    "wrong-usage": "issue it anew with the key usages digital signature and, for an RSA key, key encipherment",
    "no-encipherment": "issue it anew with key encipherment as well, or bring every libvirt to 11.6",
    "any-role": "issue it anew with one purpose: TLS server or TLS client",
    "wrong-role": "issue it anew for its own purpose, TLS server or TLS client",
    "more-roles": "issue one certificate for each purpose",
    "no-names": "issue it anew with its names and addresses as alternative names",
    "wrong-name": "issue it anew with every name and address that clients dial as alternative names",
    "no-subject": "issue it anew with a subject: libvirt asks for one of every peer",
    "no-authority": _ADD,
    "no-issuer": _ADD,
    "bad-signature": _ADD,
    "in-its-own-file": _ADD,
    "path-too-long": "issue it from an authority that may have others below it, or directly below the root",
    "outside-constraints": "issue it from an authority that is not kept to other names",
    "critical-extension": "issue it without the extension",
    "revoked": "issue a new certificate with a new key",
    "stale-list": "issue a new list with the authority's key and install it, then virt-admin server-update-tls",
    "early-list": "set the clocks right, or issue a list that is valid now",
    "foreign-list": "install the list that the trusted authority signed",
    "no-list": "install a revocation list, if an empty one",
    "no-key": "install the key that belongs to the certificate",
    "other-key": "install the key and its certificate together",
    "unknown-key": "compare both with certtool: --pubkey-info of the certificate and of the key",
    "open-key": "take the rights of others away: 0600 for libvirt's keys, 0640 with QEMU's group for QEMU's",
    "writable": "take away the right to write for group and others",
    "not-roots": "give it to root",
    "qemus": "give it to root, and make a new key if it is one",
    "linked": "replace the link by a copy of its own, and make a new key if it is one",
    "shared-key": "issue each service a key and certificate of its own",
    "reused-key": "make a key of its own for each role and issue a certificate for it",
    "authority-key": "move the key to a machine off the network, wipe it here, replace the authority if in doubt",
    "server-listed": "list the exact subjects of the clients; issue them with a field that no server has",
    "wide-pattern": "list the exact subjects, as virt-warden pki dn prints them",
}
