"""Certificates made for one proof and valid for minutes: of nobody, or of the site's authority and not to be let in.

Their keys are in memory alone and gone with the proof, which is why the authority's register knows nothing of them.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from virtwarden.lab import PREFIX
from virtwarden.pki.authority import Signer
from virtwarden.pki.certifying import key_usage
from virtwarden.pki.keys import PrivateKey, signature_hash

_LIFE = timedelta(minutes=10)
_SLACK = timedelta(hours=1)
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "virt-warden-proof")])


def self_signed(like: x509.Certificate | None) -> tuple[bytes, bytes]:
    """A certificate with the subject of `like` that no authority stands behind, and its key, both in PEM."""
    key = generate_private_key(SECP256R1())
    subject = _NAME if like is None else like.subject
    return _signed(subject, key, subject, key, authority=False), _pem(key)


def foreign(like: x509.Certificate | None) -> tuple[bytes, bytes]:
    """A certificate with the subject of `like` of an authority that bears the name of its own, and its key, in PEM."""
    above, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    issuer = _NAME if like is None else like.issuer
    own = _signed(issuer, above, issuer, above, authority=True)
    return _signed(_NAME if like is None else like.subject, key, issuer, above, authority=False) + own, _pem(key)


def unlisted(signer: Signer) -> tuple[bytes, bytes]:
    """A client of the site's own authority with a subject that nobody lists, and its key, both in PEM."""
    return _issued(
        signer, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{PREFIX}{secrets.token_hex(8)}")]), _LIFE
    )


def expired(signer: Signer, like: x509.Certificate | None) -> tuple[bytes, bytes]:
    """A client of the site's own authority with the subject of `like` whose time is over, and its key, both in PEM."""
    return _issued(signer, _NAME if like is None else like.subject, -_LIFE)


def _issued(signer: Signer, subject: x509.Name, life: timedelta) -> tuple[bytes, bytes]:
    key = generate_private_key(SECP256R1())
    issuer = signer.authority.certificate.subject
    return _signed(subject, key, issuer, signer.key, authority=False, life=life), _pem(key)


def _signed(
    subject: x509.Name,
    key: EllipticCurvePrivateKey,
    issuer: x509.Name,
    above: PrivateKey,
    *,
    authority: bool,
    life: timedelta = _LIFE,
) -> bytes:
    now = datetime.now(UTC)
    usage = key_usage(digital_signature=not authority, key_encipherment=not authority, key_cert_sign=authority)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    if not authority:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(above, signature_hash(above)).public_bytes(Encoding.PEM)


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
