"""Certificates of every kind for tests, those that no decent tool makes too: old versions, weak hashes, odd names."""

from __future__ import annotations

import hashlib
import ipaddress
from base64 import encodebytes
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from virtwarden.formats.dername import elements

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
_OIDS = {
    "C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}  # fmt: skip
PURPOSES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, "mail": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "strange": ObjectIdentifier("1.3.6.1.4.1.99999.1"),
}  # fmt: skip
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
_ALGORITHMS = {
    ("RSA", "md5"): "300d06092a864886f70d0101040500",
    ("RSA", "sha1"): "300d06092a864886f70d0101050500",
    ("RSA", "sha256"): "300d06092a864886f70d01010b0500",
    ("EC", "sha1"): "300906072a8648ce3d0401",
    ("EC", "sha256"): "300a06082a8648ce3d040302",
}


def name(text: str) -> x509.Name:
    """`O=IBM,CN=root` as a name; the empty text is the empty name."""
    parts = (part.partition("=") for part in text.split(",") if part)
    return x509.Name([x509.NameAttribute(_OIDS[key], value, _validate=False) for key, _, value in parts])


@cache
def rsa_key(bits: int, number: int = 0) -> rsa.RSAPrivateKey:
    """An RSA key, made once."""
    del number
    if bits < 1024:
        return rsa_of_primes(bits)
    return rsa.generate_private_key(65537, bits)


def rsa_of_primes(bits: int) -> rsa.RSAPrivateKey:
    """An RSA key shorter than the library makes any more."""
    first, second = _prime(bits // 2, 3), _prime(bits // 2, 7)
    exponent = pow(65537, -1, (first - 1) * (second - 1))
    numbers = rsa.RSAPrivateNumbers(
        first, second, exponent, exponent % (first - 1), exponent % (second - 1), pow(second, -1, first),
        rsa.RSAPublicNumbers(65537, first * second),
    )  # fmt: skip
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _prime(bits: int, seed: int) -> int:
    found = int.from_bytes(hashlib.shake_256(bytes((seed,))).digest(bits // 8), "big") | 1 | 3 << (bits - 2)
    while not all(pow(base, found - 1, found) == 1 for base in (2, 3, 5, 7, 11)):
        found += 2
    return found


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    der: bytes
    key: Key
    subject: x509.Name = field(compare=False)

    @property
    def pem(self) -> str:
        return to_pem(self.der)

    @property
    def key_pem(self) -> str:
        """The private key, unencrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def to_pem(der: bytes, label: str = "CERTIFICATE") -> str:
    """DER in PEM."""
    return f"-----BEGIN {label}-----\n{encodebytes(der).decode()}-----END {label}-----\n"


Usage = tuple[tuple[str, ...], bool]
SERVER_USAGE: Usage = (("digital_signature", "key_encipherment"), True)
AUTHORITY_USAGE: Usage = (("key_cert_sign", "crl_sign"), True)


def issue(
    signer: Issued | None,
    subject: str = "O=Example,CN=kvmhost.example.org",
    *,
    names: Iterable[str] = (),
    purposes: Iterable[str] | None = ("server",),
    purposes_critical: bool = False,
    usage: Usage | None = SERVER_USAGE,
    constraints: tuple[bool, int | None] | None = (False, None),
    starts: datetime = NOW - 10 * DAY,
    ends: datetime = NOW + 365 * DAY,
    key: Key | None = None,
    serial: int | None = None,
    extra: Iterable[tuple[x509.ExtensionType, bool]] = (),
    pss: bool = False,
) -> Issued:
    """A certificate, signed by itself where there is no signer."""
    new: Key = key or ec.generate_private_key(ec.SECP256R1())
    named = name(subject)
    by = signer or Issued(b"", new, named)
    builder = (
        x509.CertificateBuilder().subject_name(named).issuer_name(by.subject).public_key(new.public_key())
        .serial_number(serial or x509.random_serial_number()).not_valid_before(starts).not_valid_after(ends)
    )  # fmt: skip
    if constraints is not None:
        builder = builder.add_extension(x509.BasicConstraints(*constraints), True)
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(**{each: each in usage[0] for each in _USAGES}), usage[1])
    if purposes is not None:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([PURPOSES[each] for each in purposes]), purposes_critical
        )
    if alternatives := [_general(each) for each in names]:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), not subject)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    algorithm = None if isinstance(by.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    filled = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else None
    signed = builder.sign(by.key, algorithm, rsa_padding=filled)
    return Issued(signed.public_bytes(Encoding.DER), new, named)


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def authority(signer: Issued | None = None, subject: str = "O=Example,CN=authority", **others: object) -> Issued:
    """An authority: a root, or one below a signer."""
    wanted: dict[str, object] = {
        "purposes": None, "usage": AUTHORITY_USAGE, "constraints": (True, None), "ends": NOW + 3000 * DAY,
    }  # fmt: skip
    return issue(signer, subject, **{**wanted, **others})  # type: ignore[arg-type]


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, size)) + content if size < 128 else bytes((tag, 0x80 | len(octets))) + octets + content


def resigned(
    issued: Issued, by: Key, change: Callable[[list[bytes]], list[bytes]] = list, digest: str = "sha256"
) -> Issued:
    """The same certificate with other fields in its signed part, or another hash."""
    outer = next(elements(issued.der))
    signed = next(elements(outer.content))
    algorithm = bytes.fromhex(_ALGORITHMS["RSA" if isinstance(by, rsa.RSAPrivateKey) else "EC", digest])
    fields = [each.whole for each in elements(signed.content)]
    fields[2] = algorithm
    to_sign = _element(0x30, b"".join(change(fields)))
    hashed = hashlib.new(digest, to_sign).digest()
    kinds: dict[str, hashes.HashAlgorithm] = {
        "md5": hashes.MD5(),
        "sha1": hashes.SHA1(),
        "sha256": hashes.SHA256(),
    }
    kind = kinds[digest]
    if isinstance(by, rsa.RSAPrivateKey):
        made = by.sign(hashed, padding.PKCS1v15(), Prehashed(kind))
    else:
        assert isinstance(by, ec.EllipticCurvePrivateKey)
        made = by.sign(hashed, ec.ECDSA(Prehashed(kind)))
    return Issued(_element(0x30, to_sign + algorithm + _element(0x03, b"\0" + made)), issued.key, issued.subject)


def as_version_1(fields: list[bytes]) -> list[bytes]:
    """Drops the version and the extensions."""
    return [each for each in fields if each[0] not in (0xA0, 0xA3)]


def with_subject(encoded: bytes) -> Callable[[list[bytes]], list[bytes]]:
    """Puts another subject in, already encoded."""
    return lambda fields: [*fields[:5], encoded, *fields[6:]]


def revocations(
    by: Issued, *revoked: Issued, starts: datetime = NOW - DAY, ends: datetime = NOW + 30 * DAY
) -> str:
    """A revocation list in PEM."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(by.subject).last_update(starts).next_update(ends)
    for each in revoked:
        serial = x509.load_der_x509_certificate(each.der).serial_number
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(starts).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
