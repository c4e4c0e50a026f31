"""A small authority for tests: certificates of every kind, good and bad, as sources give them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.kit import NOW
from virtwarden.sources.keystandin import without_keys

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey
_OIDS = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
_OIDS |= {"CN": NameOID.COMMON_NAME}
_PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}

# What `openssl x509 -req -set_serial 94345 -sha1` makes of a request when it is given no extensions.
BLUEPRINT_STYLE = """\
-----BEGIN CERTIFICATE-----
MIIBXjCCAQQCAwFwiTAJBgcqhkjOPQQBMCMxEDAOBgNVBAoMB0V4YW1wbGUxDzAN
BgNVBAMMBm9sZCBjYTAeFw0yNjExMjMyMzI3MDlaFw0zNjExMjAyMzI3MDlaMFIx
CzAJBgNVBAYTAlVTMQwwCgYDVQQKDANJQk0xFzAVBgNVBAsMDnZpcnR1YWxpemF0
aW9uMRwwGgYDVQQDDBNrdm1ob3N0LmV4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAE9fzIUBbF0CRYH7jY48yVx3JvIdXVTAKfv9YqJTu+X7dxitJh
e8xCp4KAWzrqYSHBoBG0/VFYCw2mttI8H5/9SDAJBgcqhkjOPQQBA0kAMEYCIQDP
CqCoiMFQQugpxOyoTqBDzfm1cbVbJTMxfxzwkD3W/QIhAM+Or4rLsDf/G0+R5d+0
mRqqaWXjpsIzTCeoxolHMDP4
-----END CERTIFICATE-----
"""


def name(text: str) -> x509.Name:
    """`C=US,O=IBM,CN=root` as a name."""
    parts = (part.partition("=") for part in text.split(","))
    return x509.Name([x509.NameAttribute(_OIDS[key], value) for key, _, value in parts])


def key() -> ec.EllipticCurvePrivateKey:
    """A new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: Key) -> str:
    """A private key as a source gives it: blanked, with the fingerprint of its public half."""
    return without_keys(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@dataclass(frozen=True)
class Pair:
    """A certificate in PEM with its key."""

    pem: str
    key: Key

    @property
    def key_pem(self) -> str:
        """The key as a source gives it."""
        return pem_of(self.key)


class Authority:
    """An authority that signs whatever it is asked to."""

    def __init__(self, subject: str = "O=Example,CN=authority", **extensions: object) -> None:
        self.key = key()
        self.subject = name(subject)
        self.pem = self.issue(subject, authority=True, key=self.key, days=3650, **extensions).pem  # type: ignore[arg-type]

    @property
    def key_pem(self) -> str:
        """Its key as a source gives it."""
        return pem_of(self.key)

    def issue(
        self,
        subject: str = "O=Example,CN=kvm7.example.com",
        purposes: Iterable[str] | None = ("server",),
        *,
        names: Iterable[str] = ("kvm7.example.com",),
        authority: bool | None = False,
        usage: str | None = "digital_signature key_encipherment",
        serial: int | None = None,
        starts: datetime = NOW - timedelta(days=10),
        days: int = 365,
        key: Key | None = None,
        marked: bool = True,
    ) -> Pair:
        """A certificate; an authority's own may be left unmarked as one."""
        new = key or ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(self.subject)
            .public_key(new.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(starts + timedelta(days=days))
        )
        if authority is not None and marked:
            builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if usage is not None:
            builder = builder.add_extension(
                _usage("key_cert_sign" if authority and marked else usage), critical=True
            )
        if purposes is not None and not authority:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([_PURPOSES[p] for p in purposes]), critical=False
            )
        if names and not authority:
            alternative = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
            builder = builder.add_extension(alternative, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        return Pair(signed.public_bytes(Encoding.PEM).decode(), new)

    def revocations(self, *, days: int = 30, starts: datetime = NOW - timedelta(days=1)) -> str:
        """A revocation list that is valid for so many days."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.subject)
        builder = builder.last_update(starts).next_update(starts + timedelta(days=days))
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _usage(wanted: str) -> x509.KeyUsage:
    words = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    words += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{word: word in wanted.split() for word in words})
