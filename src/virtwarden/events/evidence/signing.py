"""Signatures of bundles: Ed25519, ECDSA on the NIST curves, RSA-PSS; nothing else, and no choice of digests.

A signature is the bare one that `openssl pkeyutl` and `openssl dgst` check as well, over the bytes of the manifest,
which names the digest of every other member.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from virtwarden.complaint import Complaint

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_CURVES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512(),
}  # fmt: skip
_SALT = 32
_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), _SALT)
_LEAST_RSA = 2048
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LARGEST_KEY = 1 << 20


class BadKey(Complaint):
    """A key cannot be used; the message is one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Checker:
    """A public key, and what is known of whose it is; `valid` is when its certificate is, in seconds since 1970."""

    key: PublicKey
    owner: str | None = None
    valid: tuple[float, float] | None = None


def private_key(path: str, passphrase: Callable[[], bytes]) -> PrivateKey:
    """The private key of a PEM file that nobody else can read; the passphrase is asked for only where there is one.
    Raises `BadKey`."""
    data = _private_bytes(path)
    try:
        key: object = serialization.load_pem_private_key(data, None)
    except TypeError:
        key = _unlocked(data, passphrase(), path)
    except (ValueError, UnsupportedAlgorithm) as wrong:
        raise BadKey(f"{path} holds no private key in PEM that can be used: {_first_line(wrong)}") from None
    if not isinstance(key, PrivateKey):
        raise BadKey(f"{path} is of a kind that bundles are not signed with; use Ed25519, ECDSA or RSA")
    algorithm(key.public_key())
    return key


def _private_bytes(path: str) -> bytes:
    data, found = _bytes_of(path)
    if found.st_mode & _OTHERS:
        raise BadKey(f"{path} can be used by others (mode {stat.S_IMODE(found.st_mode):04o}): chmod 600 it")
    if found.st_uid not in (0, os.geteuid()):
        raise BadKey(f"{path} belongs to another user (uid {found.st_uid})")
    return data


def _bytes_of(path: str) -> tuple[bytes, os.stat_result]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise BadKey(f"{path} is no regular file")
            return file.read(_LARGEST_KEY), found
    except OSError as wrong:
        raise BadKey(f"the key {path} cannot be read: {wrong.strerror}") from None


def _unlocked(data: bytes, passphrase: bytes, path: str) -> object:
    try:
        return serialization.load_pem_private_key(data, passphrase)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise BadKey(f"{path} does not open with that passphrase") from None


def checker(path: str) -> Checker:
    """The public key of a PEM file that holds one, or a certificate. Raises `BadKey`."""
    data, _ = _bytes_of(path)
    try:
        if b"-----BEGIN CERTIFICATE-----" in data:
            return _certified(x509.load_pem_x509_certificate(data), path)
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as wrong:
        private = ": it is a private key, and its public half is wanted" if b"PRIVATE KEY-----" in data else ""
        said = private or f": {_first_line(wrong)}"
        raise BadKey(f"{path} holds neither a public key nor a certificate in PEM{said}") from None
    return Checker(_usable(key, path))


def _certified(certificate: x509.Certificate, path: str) -> Checker:
    valid = (certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())
    return Checker(_usable(certificate.public_key(), path), certificate.subject.rfc4514_string(), valid)


def _usable(key: object, path: str) -> PublicKey:
    if not isinstance(key, PublicKey):
        raise BadKey(f"{path} is of a kind that bundles are not signed with; use Ed25519, ECDSA or RSA")
    algorithm(key)
    return key


def algorithm(key: PublicKey) -> str:
    """What a signature by this key is called. Raises `BadKey` for curves and lengths that are not used."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _LEAST_RSA:
            raise BadKey(f"an RSA key of {key.key_size} bits is too short; {_LEAST_RSA} are the least")
        return "RSA-PSS-SHA256"
    if key.curve.name not in _CURVES:
        raise BadKey(f"the curve {key.curve.name} is not used here; use P-256, P-384, P-521 or Ed25519")
    return f"ECDSA-{_CURVES[key.curve.name].name.upper()}"


def fingerprint(key: PublicKey) -> str:
    """The SHA-256 of the public key in DER, as `openssl pkey -pubin -outform DER | sha256sum` says it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def signature(key: PrivateKey, data: bytes) -> bytes:
    """The signature of these bytes."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, _PSS, hashes.SHA256())
    return key.sign(data, ec.ECDSA(_CURVES[key.curve.name]))


def is_signed_by(key: PublicKey, signed: bytes, data: bytes) -> bool:
    """Whether this is the key's signature of these bytes."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signed, data)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signed, data, _PSS, hashes.SHA256())
        else:
            key.verify(signed, data, ec.ECDSA(_CURVES[key.curve.name]))
    except InvalidSignature:
        return False
    return True


def _first_line(wrong: Exception) -> str:
    return str(wrong).split("\n", 1)[0].split(". ", 1)[0] or type(wrong).__name__
