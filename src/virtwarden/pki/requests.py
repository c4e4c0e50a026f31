"""Requests for certificates: made where the key stays, and read where they are signed.

Of a request the authority takes the public key, the names and the subject's plain fields. Extensions that it asks for,
such as that of an authority, are never taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from virtwarden.complaint import Complaint
from virtwarden.formats import Malformed
from virtwarden.formats.dername import spelled
from virtwarden.pki import keys, names, secretfiles
from virtwarden.pki.keys import PrivateKey, signature_hash

_TAKEN = {x509.SubjectAlternativeName.oid: "names", x509.SubjectKeyIdentifier.oid: "the key's identifier"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. `left_out` names what was asked for besides and is not taken."""

    parsed: x509.CertificateSigningRequest
    subject: str
    common: str
    names: tuple[str, ...]
    key: str
    left_out: tuple[str, ...]


def request(key: PrivateKey, subject: x509.Name, named: x509.SubjectAlternativeName | None) -> bytes:
    """A request in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if named is not None:
        builder = builder.add_extension(named, critical=False)
    return builder.sign(key, signature_hash(key)).public_bytes(Encoding.PEM)


def read(path: Path) -> Request:
    """The request in a file, its signature and key looked at. Raises `Complaint`."""
    try:
        pem = secretfiles.read(path)
    except FileNotFoundError:
        raise Complaint(f"there is no {path}") from None
    try:
        return _request(x509.load_pem_x509_csr(pem), path)
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.UnsupportedGeneralNameType,
        x509.DuplicateExtension,
        Malformed,
    ):
        raise Complaint(f"{path} is not a request for a certificate that can be read") from None


def _request(parsed: x509.CertificateSigningRequest, path: Path) -> Request:
    public = parsed.public_key()
    if why := keys.weakness(public):
        raise Complaint(f"{path} is not signed: {why}")
    try:
        sound = parsed.is_signature_valid
    except (InvalidSignature, UnsupportedAlgorithm):
        sound = False
    if not sound:
        raise Complaint(f"{path} is not signed by the key that it is for; it was damaged or forged")
    asked, left_out = _names(parsed)
    return Request(
        parsed,
        spelled(parsed.subject.public_bytes()),
        names.common_name(parsed.subject),
        asked,
        keys.kind_of(public),
        (*left_out, *_fields(parsed.subject), *_extensions(parsed)),
    )


def _names(parsed: x509.CertificateSigningRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    others = (type(name).__name__ for name in found if not isinstance(name, x509.DNSName | x509.IPAddress))
    return names.names_in(found), tuple(dict.fromkeys(others))


def _fields(subject: x509.Name) -> tuple[str, ...]:
    return tuple(each.rfc4514_attribute_name for each in subject if each.oid != NameOID.COMMON_NAME)


def _extensions(parsed: x509.CertificateSigningRequest) -> tuple[str, ...]:
    return tuple(each.oid._name for each in parsed.extensions if each.oid not in _TAKEN)
