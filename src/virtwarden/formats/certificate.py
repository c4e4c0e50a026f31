"""X.509 certificates and revocation lists as plain values, and their subjects as GnuTLS spells them.

libvirt compares a client's subject as text, the way `gnutls_x509_crt_get_dn` prints it: attributes in the
order in which the certificate has them, no blanks after commas. OpenSSL's and certtool's outputs differ from it.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from virtwarden.formats import Malformed

E = TypeVar("E", bound=x509.ExtensionType)

_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "surName",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.20": "telephoneNumber",
    "2.5.4.41": "name",
    "2.5.4.42": "givenName",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "EMAIL",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionOfIncorporationLocalityName",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionOfIncorporationStateOrProvinceName",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionOfIncorporationCountryName",
}
_WEAK_HASHES = ("md2", "md4", "md5", "sha1")
_SPECIAL = re.compile(r'[,+"\\<>;]|^[# ]| $')
_PURPOSES = {"1.3.6.1.5.5.7.3.1": "server", "1.3.6.1.5.5.7.3.2": "client", "2.5.29.37.0": "any"}
_USAGES = ("digital_signature", "key_encipherment", "key_agreement", "key_cert_sign", "crl_sign")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. `subject` and `issuer` are as libvirt sees them, `key_id` is the SHA-256 of the
    public key. `authority` is None where there are no basic constraints, `usage` and `purposes` where the
    certificate does not limit them; `signature_hash` is None for signatures without one of their own."""

    version: int
    subject: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    key_id: str
    key_kind: str
    key_bits: int
    signature_hash: str | None
    authority: bool | None
    usage: frozenset[str] | None
    purposes: frozenset[str] | None
    alternative_names: tuple[str, ...]
    parsed: x509.Certificate = field(repr=False, compare=False)

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.parsed.subject == self.parsed.issuer

    @property
    def weakly_signed(self) -> bool:
        """Whether its signature rests on a hash that can be forged."""
        return self.signature_hash in _WEAK_HASHES

    def issued_by(self, other: Certificate) -> bool:
        """Whether the other's key made this one's signature, and the names agree. Of a signature of a kind that
        nothing verifies any more the names alone tell."""
        if self.weakly_signed:
            return self.issuer == other.subject
        try:
            self.parsed.verify_directly_issued_by(other.parsed)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What a revocation list says."""

    issuer: str
    last_update: datetime
    next_update: datetime | None
    parsed: x509.CertificateRevocationList = field(repr=False, compare=False)

    def issued_by(self, authority: Certificate) -> bool:
        """Whether the authority's key made its signature."""
        try:
            return self.parsed.is_signature_valid(authority.parsed.public_key())  # type: ignore[arg-type]
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return False


class Unsupported(Malformed):
    """A certificate or list uses an algorithm that is not known here; it may well be sound."""


_UNREADABLE = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def certificate(pem: str) -> Certificate:
    """The certificate in one PEM block. Raises `Malformed`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # oddities are for the controls to judge
        try:
            return _certificate(x509.load_pem_x509_certificate(pem.encode("ascii", "replace")))
        except UnsupportedAlgorithm as unknown:
            raise Unsupported(f"uses an algorithm that is not known here: {_first_line(unknown)}") from None
        except _UNREADABLE as wrong:
            raise Malformed(f"not a certificate that can be read: {_first_line(wrong)}") from None


def revocation_list(pem: str) -> RevocationList:
    """The revocation list in one PEM block. Raises `Malformed`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _revocation_list(x509.load_pem_x509_crl(pem.encode("ascii", "replace")))
        except _UNREADABLE as wrong:
            raise Malformed(f"not a revocation list that can be read: {_first_line(wrong)}") from None


def _first_line(wrong: Exception) -> str:
    return str(wrong).partition("\n")[0]


def _revocation_list(parsed: x509.CertificateRevocationList) -> RevocationList:
    issuer = distinguished_name(parsed.issuer)
    return RevocationList(issuer, parsed.last_update_utc, parsed.next_update_utc, parsed)


def _certificate(parsed: x509.Certificate) -> Certificate:
    key = parsed.public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    constraints = _extension(parsed, x509.BasicConstraints)
    usage = _extension(parsed, x509.KeyUsage)
    purposes = _extension(parsed, x509.ExtendedKeyUsage)
    names = _extension(parsed, x509.SubjectAlternativeName)
    algorithm = parsed.signature_hash_algorithm
    return Certificate(
        version=parsed.version.value + 1,
        subject=distinguished_name(parsed.subject),
        issuer=distinguished_name(parsed.issuer),
        serial=parsed.serial_number,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        key_id=hashlib.sha256(spki).hexdigest(),
        key_kind=type(key).__name__.lstrip("_").removesuffix("PublicKey"),
        key_bits=getattr(key, "key_size", 256),
        signature_hash=None if algorithm is None else algorithm.name,
        authority=None if constraints is None else constraints.ca,
        usage=None if usage is None else frozenset(name for name in _USAGES if getattr(usage, name)),
        purposes=None
        if purposes is None
        else frozenset(_PURPOSES.get(oid.dotted_string, oid.dotted_string) for oid in purposes),
        alternative_names=() if names is None else tuple(str(name.value) for name in names),
        parsed=parsed,
    )


def _extension(parsed: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def distinguished_name(name: x509.Name) -> str:
    """A name as libvirt compares it. Raises `ValueError` where an attribute cannot be decoded."""
    return ",".join("+".join(_attribute(each) for each in rdn) for rdn in name.rdns)


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> str:
    oid, value = attribute.oid.dotted_string, attribute.value
    if isinstance(value, str) and oid in _NAMES:
        return f"{_NAMES[oid]}=" + _SPECIAL.sub(lambda special: "\\" + special.group(), value)
    return f"{_NAMES.get(oid, oid)}=#{_der(attribute, value).hex()}"


def _der(attribute: x509.NameAttribute[str | bytes], value: str | bytes) -> bytes:
    """The value of an attribute that has no short name, encoded; only short ones are met with in practice."""
    raw = value.encode() if isinstance(value, str) else value
    kind = getattr(getattr(attribute, "_type", None), "value", 12)
    return bytes((kind, min(len(raw), 255))) + raw
