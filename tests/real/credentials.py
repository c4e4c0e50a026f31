"""An authority whose certificates are put on real disks: for libvirtd, QEMU and their clients to be tried with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certs import name
from virtwarden.pki.keys import sealed

_PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True)
class Credential:
    """A certificate and its key, both in PEM."""

    certificate: str
    key: str

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.certificate.encode()).serial_number


class SiteAuthority:
    """An authority that issues what is valid now, unless told otherwise."""

    def __init__(self, subject: str = "O=Example,CN=authority") -> None:
        self._subject = name(subject)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(self._subject, self._key, days=3650, purpose=None).certificate

    def issue(
        self,
        subject: str,
        purpose: str = "client",
        *,
        names: tuple[str, ...] = (),
        addresses: tuple[str, ...] = (),
        days: int = 30,
    ) -> Credential:
        """A certificate that ends in so many days, counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        listed = [x509.DNSName(each) for each in names]
        listed += [x509.IPAddress(ip_address(each)) for each in addresses]  # type: ignore[misc]
        return self._signed(name(subject), key, days=days, purpose=purpose, names=tuple(listed))

    def revocations(self, *serials: int) -> str:
        """A list of what was revoked."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._subject)
        builder = builder.last_update(now - timedelta(hours=1)).next_update(now + timedelta(days=30))
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(revoked.revocation_date(now - timedelta(hours=1)).build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def keep(self, folder: Path, passphrase: bytes) -> str:
        """A folder with the certificate and the key under a passphrase; its path."""
        folder.mkdir(mode=0o700)
        (folder / "cacert.pem").write_text(self.certificate)
        (folder / "cakey.pem").write_bytes(sealed(self._key, passphrase))
        return str(folder)

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: int,
        purpose: str | None,
        names: tuple[x509.GeneralName, ...] = (),
    ) -> Credential:
        ends = datetime.now(UTC) + timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(ends, datetime.now(UTC)) - timedelta(days=400))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=purpose is None, path_length=None), critical=True)
            .add_extension(_usage(authority=purpose is None), critical=True)
        )
        if purpose is None:
            builder = builder.add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([_PURPOSES[purpose]]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        return Credential(signed, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def lay_out(folder: Path, authority: SiteAuthority, client: Credential) -> str:
    """A folder for `?pkipath=`; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cacert.pem").write_text(authority.certificate)
    (folder / "clientcert.pem").write_text(client.certificate)
    (folder / "clientkey.pem").write_text(client.key)
    (folder / "clientkey.pem").chmod(0o600)
    return str(folder)


def for_qemu(folder: Path, authority: SiteAuthority, server: Credential) -> str:
    """A folder that QEMU serves from; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca-cert.pem").write_text(authority.certificate)
    (folder / "server-cert.pem").write_text(server.certificate)
    (folder / "server-key.pem").write_text(server.key)
    return str(folder)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
