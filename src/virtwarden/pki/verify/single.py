"""What one certificate says of itself, judged: by libvirt's own rules, and by those that a site should hold to.

libvirt's check at start and at each session is that of 9.0 and later; before 11.6 it insists on key encipherment where
the key usage is critical, for keys of every kind. A purpose that it does not know counts as allowed for both roles.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Literal

from virtwarden.pki.verify.faults import Fault, Limits, Weight, refused

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

End = Literal["server", "client"]
SHORTEST_SERIAL = 32
KEYS = ("RSA", "EC", "Ed25519", "Ed448")
CURVES = ("secp256r1", "secp384r1", "secp521r1")
NO_ENCIPHERMENT = (11, 6)
LEAST_RSA = 1024


class Roles(Enum):
    """How many roles a certificate may have where it lies."""

    ONE = 1
    BOTH = 2


def common(certificate: Certificate, now: datetime, limits: Limits) -> Iterator[Fault]:
    """What is wrong with a certificate whatever it is for."""
    if certificate.version != 3:
        yield Fault("old-version", f"version {certificate.version}, which has no extensions")
    yield from _key(certificate, limits)
    if certificate.not_before > now:
        yield refused("not-yet-valid", f"not valid before {certificate.not_before:%Y-%m-%d}")
    if certificate.not_after < now:
        yield refused("expired", f"expired on {certificate.not_after:%Y-%m-%d}")
    elif certificate.not_after - now < limits.notice:
        yield Fault("ends-soon", f"expires on {certificate.not_after:%Y-%m-%d}")
    if certificate.weakly_signed and not certificate.self_issued:
        yield refused("weak-signature", f"signed with {str(certificate.signature_hash).upper()}")


def authority(certificate: Certificate, limits: Limits) -> Iterator[Fault]:
    """What is wrong with a certificate that is trusted to issue others."""
    if not certificate.authority:
        yield refused("not-an-authority", "is not marked as an authority")
    if certificate.usage is not None and "key_cert_sign" not in certificate.usage:
        weight = Weight.REFUSED if certificate.is_critical("usage") else Weight.UNSAFE
        yield Fault("may-not-sign", "may not sign certificates", weight)
    if certificate.not_after - certificate.not_before > limits.authority:
        yield Fault("long-lived", f"valid for more than {limits.authority.days} days")


def leaf(certificate: Certificate, end: End, roles: Roles, limits: Limits) -> Iterator[Fault]:
    """What is wrong with a certificate that a server or a client shows."""
    if certificate.authority:
        yield refused("is-an-authority", "is an authority itself")
    yield from _usage(certificate, end)
    if end == "server" and not certificate.alternative_names:
        yield Fault("no-names", "no alternative names")
    if certificate.serial.bit_length() < SHORTEST_SERIAL:
        yield Fault("predictable-serial", f"serial number {certificate.serial} is not random")
    if certificate.not_after - certificate.not_before > limits.leaf:
        yield Fault("long-lived", f"valid for more than {limits.leaf.days} days")
    yield from _purposes(certificate, end, roles)


def encipherment(certificate: Certificate, limits: Limits) -> Iterator[Fault]:
    """Whether a libvirt before 11.6 would refuse it for want of key encipherment."""
    usage = certificate.usage
    if usage is None or "key_encipherment" in usage or not certificate.is_critical("usage"):
        return
    if limits.libvirt is None or limits.libvirt < NO_ENCIPHERMENT:
        message = "may not encipher keys, on which libvirt before 11.6 insists where the key usage is critical"
        yield refused("no-encipherment", message)


def subject(certificate: Certificate) -> Iterator[Fault]:
    """Whether libvirt can tell whose certificate it is."""
    if not certificate.subject:
        yield refused("no-subject", "has an empty subject")


def _key(certificate: Certificate, limits: Limits) -> Iterator[Fault]:
    kind, bits = certificate.key_kind, certificate.key_bits
    if kind == "RSA" and bits < limits.rsa_bits:
        weight = Weight.REFUSED if bits < LEAST_RSA else Weight.UNSAFE
        yield Fault("weak-key", f"RSA key of {bits} bits", weight)
    elif kind == "EC" and bits < 256:
        yield refused("weak-key", f"elliptic curve of {bits} bits")
    elif kind == "EC" and certificate.curve not in CURVES:
        yield refused("weak-key", f"elliptic curve {certificate.curve}, which GnuTLS does not take")
    elif kind not in KEYS:
        yield refused("weak-key", f"{kind} key")


def _usage(certificate: Certificate, end: End) -> Iterator[Fault]:
    usage = certificate.usage
    if usage is None:
        yield Fault("no-usage", "no key usage")
    elif "digital_signature" not in usage:
        # Old ways of agreeing on a key do without the server's signature, for RSA alone.
        is_lenient = end == "server" and certificate.key_kind == "RSA" and "key_encipherment" in usage
        weight = Weight.UNSAFE if is_lenient and not certificate.is_critical("usage") else Weight.REFUSED
        yield Fault("wrong-usage", "may not make signatures", weight)


def _purposes(certificate: Certificate, end: End, roles: Roles) -> Iterator[Fault]:
    purposes = certificate.purposes
    if purposes is None:
        yield Fault("any-role", "good for servers and clients alike")
    elif end not in purposes:
        is_taken = bool(purposes - {"server", "client", "any"}) or not certificate.is_critical("purposes")
        weight = Weight.UNSAFE if is_taken else Weight.REFUSED
        yield Fault("wrong-role", f"not good for a {end}", weight)
    elif purposes & {"server", "client", "any"} != {end} and roles is Roles.ONE:
        yield Fault("more-roles", "good for more than its role")
