"""Certificates as values, and their subjects as libvirt spells them."""

import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.certs import BLUEPRINT_STYLE, Authority, key
from tests.kit import NOW
from virtwarden.formats import Malformed
from virtwarden.formats.certificate import Unsupported, certificate, revocation_list

Names = list[list[tuple[ObjectIdentifier, str]]]
SUBJECTS: list[tuple[Names, str]] = [
    (
        [[(NameOID.COUNTRY_NAME, "US")], [(NameOID.ORGANIZATION_NAME, "IBM, Inc")], [(NameOID.COMMON_NAME, "r")]],
        "C=US,O=IBM\\, Inc,CN=r",
    ),
    (
        [[(NameOID.COMMON_NAME, " x")], [(NameOID.ORGANIZATION_NAME, "y ")], [(NameOID.LOCALITY_NAME, "#a")]],
        "CN=\\ x,O=y\\ ,L=\\#a",
    ),
    ([[(NameOID.COMMON_NAME, 'a=b+c<d>e;f"g\\h/i')]], 'CN=a=b\\+c\\<d\\>e\\;f\\"g\\\\h/i'),
    ([[(NameOID.COMMON_NAME, "ünï")], [(NameOID.EMAIL_ADDRESS, "a@b.c")]], "CN=ünï,EMAIL=a@b.c"),
    ([[(NameOID.COMMON_NAME, "x"), (NameOID.USER_ID, "u")], [(NameOID.DOMAIN_COMPONENT, "d")]], "CN=x+UID=u,DC=d"),
    ([[(ObjectIdentifier("1.2.3.4.5"), "foo")], [(NameOID.COMMON_NAME, "y")]], "1.2.3.4.5=#0c03666f6f,CN=y"),
    ([[(NameOID.SERIAL_NUMBER, "7")], [(NameOID.JURISDICTION_COUNTRY_NAME, "DE")]],
     "serialNumber=7,jurisdictionOfIncorporationCountryName=DE"),
]  # fmt: skip


def named(subject: Names) -> str:
    rdns = [
        x509.RelativeDistinguishedName([x509.NameAttribute(oid, value, _validate=False) for oid, value in rdn])
        for rdn in subject
    ]
    new = key()
    builder = x509.CertificateBuilder().subject_name(x509.Name(rdns)).issuer_name(x509.Name(rdns))
    builder = builder.public_key(new.public_key()).serial_number(7).not_valid_before(NOW)
    signed = builder.not_valid_after(NOW + timedelta(days=1)).sign(new, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(("subject", "wanted"), SUBJECTS)
def test_subjects_are_spelt_as_libvirt_compares_them(subject: Names, wanted: str) -> None:
    assert certificate(named(subject)).subject == wanted


@pytest.mark.skipif(shutil.which("virt-pki-query-dn") is None, reason="virt-pki-query-dn is not installed")
@pytest.mark.parametrize("subject", [subject for subject, _ in SUBJECTS])
def test_libvirts_own_tool_agrees(subject: Names, tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    path.write_text(named(subject))
    said = subprocess.run(["virt-pki-query-dn", path], capture_output=True, text=True, check=True)
    assert certificate(path.read_text()).subject == said.stdout.rstrip("\n")


def test_a_certificate_tells_what_it_is() -> None:
    authority = Authority()
    found = certificate(authority.issue().pem)
    assert (found.version, found.key_kind, found.key_bits, found.signature_hash) == (3, "EC", 256, "sha256")
    assert found.authority is False
    assert found.usage == frozenset({"digital_signature", "key_encipherment"})
    assert found.purposes == frozenset({"server"})
    assert found.alternative_names == ("kvm7.example.com",)
    assert found.issued_by(certificate(authority.pem))
    assert not found.issued_by(certificate(Authority().pem))


def test_of_a_weak_signature_the_names_alone_tell() -> None:
    weak = certificate(BLUEPRINT_STYLE)
    assert (weak.version, weak.weakly_signed, weak.usage, weak.purposes, weak.authority) == (
        1,
        True,
        None,
        None,
        None,
    )
    assert weak.issued_by(certificate(Authority("O=Example,CN=old ca").pem))
    assert not weak.issued_by(certificate(Authority("O=Example,CN=another").pem))


def test_a_revocation_list_tells_its_issuer_and_its_times() -> None:
    authority = Authority()
    found = revocation_list(authority.revocations(days=3))
    assert (found.issuer, found.next_update) == ("O=Example,CN=authority", NOW + timedelta(days=2))
    assert found.issued_by(certificate(authority.pem))


class _Mute:
    """A key of a kind that checks no signatures."""

    def public_key(self) -> None:
        return None


def test_a_key_that_cannot_check_a_signature_has_not_made_it() -> None:
    authority = certificate(Authority().pem)
    mute = replace(authority, parsed=_Mute())  # type: ignore[arg-type]
    assert not revocation_list(Authority().revocations()).issued_by(mute)


@pytest.mark.parametrize("body", ["", "AAAA", "MIIB", "not base64 at all"])
def test_junk_is_malformed(body: str) -> None:
    with pytest.raises(Malformed):
        certificate(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    with pytest.raises(Malformed):
        revocation_list(f"-----BEGIN X509 CRL-----\n{body}\n-----END X509 CRL-----\n")


def test_an_algorithm_that_is_not_known_is_told_apart_from_junk() -> None:
    known = certificate(Authority().pem).parsed.public_bytes(Encoding.DER)
    ec_public_key = bytes.fromhex("06072a8648ce3d0201")
    other = x509.load_der_x509_certificate(known.replace(ec_public_key, bytes.fromhex("06072a8648ce3d0209")))
    with pytest.raises(Unsupported):
        certificate(other.public_bytes(Encoding.PEM).decode())
