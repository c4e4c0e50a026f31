"""The certificates that an authority makes, field by field: RFC 5280, and what each libvirt since 0.9 takes.

The extended key usage is critical: libvirt refuses a certificate in the wrong role only then, and warns otherwise.
Key encipherment is set for elliptic curves too, against RFC 8813, because libvirt before 11.6 refuses a certificate
without it; with RSA keys, the default, it belongs there anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from virtwarden.complaint import Complaint
from virtwarden.pki.keys import PrivateKey, signature_hash
from virtwarden.pki.roles import Role

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

BACK = timedelta(hours=1)
"""How far in the past a certificate begins: clocks differ."""
LEAF_DAYS = 397
AUTHORITY_DAYS = 3650
LIST_DAYS = 365
KEPT_AFTER_END = timedelta(days=30)
"""How long a revoked certificate stays on the list after its end."""

_PURPOSES = {
    "server": (ExtendedKeyUsageOID.SERVER_AUTH,),
    "client": (ExtendedKeyUsageOID.CLIENT_AUTH,),
    "peer": (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
}
_LONGEST_DAYS = 36500


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be certified: a public key under a subject, in a role, for so many days at most."""

    subject: x509.Name
    role: Role
    public: CertificatePublicKeyTypes
    names: x509.SubjectAlternativeName | None
    days: int = LEAF_DAYS


@dataclass(frozen=True, slots=True)
class Term:
    """From when until when."""

    start: datetime
    end: datetime


def term(days: int, now: datetime, within: Term | None = None) -> Term:
    """So many days from now, and never outside of the authority's own. Raises `Complaint`."""
    if not 1 <= days <= _LONGEST_DAYS:
        raise Complaint(f"{days} days is not between 1 and {_LONGEST_DAYS}")
    now = now.replace(microsecond=0)
    found = Term(now - BACK, now + timedelta(days=days))
    if within is None:
        return found
    if not within.start <= now < within.end:
        raise Complaint(f"the authority's own certificate is valid from {within.start:%F} to {within.end:%F} only")
    return Term(max(found.start, within.start), min(found.end, within.end))


def term_of(certificate: x509.Certificate) -> Term:
    """When a certificate is valid."""
    return Term(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def authority_certificate(name: x509.Name, key: PrivateKey, valid: Term) -> x509.Certificate:
    """An authority's own certificate: it signs leaves and lists, and no other authority."""
    public = key.public_key()
    return (
        _begun(name, name, public, x509.random_serial_number(), valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, signature_hash(key))
    )


def certified(
    wish: Wish, serial: int, valid: Term, authority: x509.Certificate, key: PrivateKey
) -> x509.Certificate:
    """The certificate that is wished for, signed by the authority's key."""
    enciphers = not isinstance(wish.public, ed25519.Ed25519PublicKey)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )
    begun = (
        _begun(wish.subject, authority.subject, wish.public, serial, valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True, key_encipherment=enciphers), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_PURPOSES[wish.role]), critical=True)
        .add_extension(issuer, critical=False)
    )
    if wish.names is not None:
        begun = begun.add_extension(wish.names, critical=False)
    return begun.sign(key, signature_hash(key))


@dataclass(frozen=True, slots=True)
class Taken:
    """One certificate that was taken back."""

    serial: int
    at: datetime
    reason: x509.ReasonFlags


def revocation_list(
    taken: tuple[Taken, ...], number: int, valid: Term, authority: x509.Certificate, key: PrivateKey
) -> x509.CertificateRevocationList:
    """The list of what was taken back."""
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(valid.start)
        .next_update(valid.end)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    for each in taken:
        revoked = x509.RevokedCertificateBuilder().serial_number(each.serial).revocation_date(each.at)
        if each.reason is not x509.ReasonFlags.unspecified:  # RFC 5280, 5.3.1: is left out
            revoked = revoked.add_extension(x509.CRLReason(each.reason), critical=False)
        builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(key, signature_hash(key))


def made_by(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether this is the certificate of this key."""
    public, other = certificate.public_key(), key.public_key()
    kinds = (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)
    return isinstance(public, kinds) and public == other


def now() -> datetime:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _begun(
    subject: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes, serial: int, valid: Term
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(valid.start)
        .not_valid_after(valid.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """What a key may be used for: this, and nothing else."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
