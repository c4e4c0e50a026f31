"""X.509 certificates and revocation lists as plain values, and their subjects as GnuTLS spells them.

libvirt compares a client's subject as text, the way `gnutls_x509_crt_get_dn` prints it: attributes in the
order in which the certificate has them, no blanks after commas. OpenSSL's and certtool's outputs differ from it.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from virtwarden.formats import Malformed
from virtwarden.formats.dername import issuer_of_list, names_of, spelled

E = TypeVar("E", bound=x509.ExtensionType)

_WEAK_HASHES = ("md2", "md4", "md5", "sha1")
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
    def der(self) -> bytes:
        """The certificate as it is encoded."""
        return self.parsed.public_bytes(Encoding.DER)

    @property
    def raw_subject(self) -> bytes:
        """The subject as it is encoded: what decides whether two names are the same."""
        return names_of(self.der)[0]

    @property
    def raw_issuer(self) -> bytes:
        """The issuer as it is encoded."""
        return names_of(self.der)[1]

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.raw_subject == self.raw_issuer

    @property
    def curve(self) -> str | None:
        """The name of the elliptic curve of its key, None for a key of another kind."""
        held = getattr(self.parsed.public_key(), "curve", None)
        return None if held is None else str(held.name)

    @property
    def path_length(self) -> int | None:
        """How many authorities may stand between this one and a leaf, None where it does not say."""
        constraints = _extension(self.parsed, x509.BasicConstraints)
        return None if constraints is None else constraints.path_length

    @property
    def critical_extensions(self) -> tuple[str, ...]:
        """The dotted OIDs of the extensions on which it insists."""
        return tuple(each.oid.dotted_string for each in self.parsed.extensions if each.critical)

    def is_critical(self, what: Literal["usage", "purposes"]) -> bool:
        """Whether it insists on its key usage, or on its purposes."""
        return ("2.5.29.15" if what == "usage" else "2.5.29.37") in self.critical_extensions

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

    @property
    def raw_issuer(self) -> bytes:
        """The issuer as it is encoded."""
        return issuer_of_list(self.parsed.tbs_certlist_bytes)

    def takes_back(self, serial: int) -> bool:
        """Whether the issuer's certificate with this serial number is on it."""
        return self.parsed.get_revoked_certificate_by_serial_number(serial) is not None

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
    issuer = spelled(issuer_of_list(parsed.tbs_certlist_bytes))
    return RevocationList(issuer, parsed.last_update_utc, parsed.next_update_utc, parsed)


def _certificate(parsed: x509.Certificate) -> Certificate:
    key = parsed.public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    constraints = _extension(parsed, x509.BasicConstraints)
    usage = _extension(parsed, x509.KeyUsage)
    purposes = _extension(parsed, x509.ExtendedKeyUsage)
    names = _extension(parsed, x509.SubjectAlternativeName)
    algorithm = parsed.signature_hash_algorithm
    subject, issuer = _subject_and_issuer(parsed.public_bytes(Encoding.DER))
    return Certificate(
        version=parsed.version.value + 1,
        subject=subject,
        issuer=issuer,
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


def _subject_and_issuer(der: bytes) -> tuple[str, str]:
    subject, issuer = names_of(der)
    return spelled(subject), spelled(issuer)
