"""Certificates are sound: of version 3, for one role, strong, current, issued by the authority, and of their key.

The blueprint's commands yield version 1 certificates without any extension: nothing keeps a server's from being
used as an administrator's, for libvirt does not insist on a role where a certificate names none. SHA-1
signatures and short keys can be forged, hand-picked serial numbers collide, and a certificate without
alternative names is refused by clients of today.

Judged: each certificate of libvirt's and QEMU's PKI: version, basic constraints, key usage, extended key usage
(server or client; both for migration and character devices), alternative names of servers, the key's kind and
size (`remote.rsa_bits`), the signature's hash, the serial number, its dates and life at the time of the scan
(`remote.leaf_days`, `authority_days`, `notice_days`), whether an authority beside it issued it, and whether its
private key is the one beside it.

Fix: issue a new certificate. Install key and certificate together, then `virt-admin server-update-tls`.

Proof: a client with a server's certificate is refused; a handshake by a name that the certificate lacks fails.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from virtwarden.control import Control, Findings
from virtwarden.facts.pki import Pki, PkiFile
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, Subject

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

BOTH_ROLES = ("/etc/pki/libvirt-migrate", "/etc/pki/libvirt-chardev")
SHORTEST_SERIAL = 32
KEYS = ("RSA", "EC", "Ed25519", "Ed448")
STEPS = "issue a new certificate: version 3, one role, alternative names, SHA-256, a random serial number"


def check(host: Host) -> Findings:
    pki = host.get(Pki)
    wanted = host.get(Policy).remote
    serials = _serials(pki)
    for file in pki.of("authority", "server", "client"):
        subject = Subject("file", file.path)
        if not file.certificates:
            message = file.problem or "holds no certificate"
            if file.problem and not file.malformed:
                yield unknown(subject, message, file.cite())
            else:
                fix = by_hand(Document("file", file.path), STEPS)
                yield failed(subject, message, fix, evidence=[file.cite(1, message)])
            continue
        for line, certificate in file.certificates[: None if file.role == "authority" else 1]:
            faults = [*_common(host, certificate, wanted)]
            if file.role == "authority":
                faults.extend(_authority(certificate, wanted))
            else:
                faults.extend(_leaf(certificate, file, wanted))
                faults.extend(_issuer(certificate, file, pki))
            if len(serials.get((certificate.issuer, certificate.serial), ())) > 1:
                faults.append(f"serial number {certificate.serial} was given out twice")
            cited = file.cite(line, certificate.subject)
            if faults:
                fix = by_hand(Document("file", file.path), STEPS)
                yield failed(subject, f"{certificate.subject}: {'; '.join(faults)}", fix, evidence=[cited])
            else:
                message = f"{certificate.subject}, valid until {certificate.not_after:%Y-%m-%d}"
                yield passed(subject, message, cited)
        yield from _key(file, pki)
    pki.complete()
    if not pki.files:
        yield notapplicable(HOST, "the host has no certificates for libvirt or QEMU")


def _serials(pki: Pki) -> dict[tuple[str, int], set[str]]:
    """The keys of the certificates that bear each issuer's each serial number."""
    found: dict[tuple[str, int], set[str]] = {}
    for file in pki.of("server", "client"):
        for _, certificate in file.certificates[:1]:
            found.setdefault((certificate.issuer, certificate.serial), set()).add(certificate.key_id)
    return found


def _common(host: Host, certificate: "Certificate", wanted: Remote) -> Iterator[str]:
    now = host.taken_at
    if certificate.version != 3:
        yield f"version {certificate.version}, which has no extensions"
    if certificate.key_kind == "RSA" and certificate.key_bits < wanted.rsa_bits:
        yield f"RSA key of {certificate.key_bits} bits"
    elif certificate.key_kind == "EC" and certificate.key_bits < 256:
        yield f"elliptic curve of {certificate.key_bits} bits"
    elif certificate.key_kind not in KEYS:
        yield f"{certificate.key_kind} key"
    if certificate.not_before > now:
        yield f"not valid before {certificate.not_before:%Y-%m-%d}"
    if certificate.not_after < now:
        yield f"expired on {certificate.not_after:%Y-%m-%d}"
    elif certificate.not_after - now < timedelta(days=wanted.notice_days):
        yield f"expires on {certificate.not_after:%Y-%m-%d}"
    if certificate.weakly_signed and not certificate.self_issued:
        yield f"signed with {str(certificate.signature_hash).upper()}"


def _authority(certificate: "Certificate", wanted: Remote) -> Iterator[str]:
    if not certificate.authority:
        yield "is not marked as an authority"
    if certificate.usage is not None and "key_cert_sign" not in certificate.usage:
        yield "may not sign certificates"
    if certificate.not_after - certificate.not_before > timedelta(days=wanted.authority_days):
        yield f"valid for more than {wanted.authority_days} days"


def _leaf(certificate: "Certificate", file: PkiFile, wanted: Remote) -> Iterator[str]:
    if certificate.authority:
        yield "is an authority itself"
    if certificate.usage is None:
        yield "no key usage"
    elif "digital_signature" not in certificate.usage:
        yield "may not make signatures"
    if file.role == "server" and not certificate.alternative_names:
        yield "no alternative names"
    if certificate.serial.bit_length() < SHORTEST_SERIAL:
        yield f"serial number {certificate.serial} is not random"
    if certificate.not_after - certificate.not_before > timedelta(days=wanted.leaf_days):
        yield f"valid for more than {wanted.leaf_days} days"
    purposes = certificate.purposes
    if purposes is None:
        yield "good for servers and clients alike"
    elif file.role not in purposes:
        yield f"not good for a {file.role}"
    elif purposes & {"server", "client", "any"} != {file.role} and file.directory not in BOTH_ROLES:
        yield "good for more than its role"


def _issuer(certificate: "Certificate", file: PkiFile, pki: Pki) -> Iterator[str]:
    beside = {file.directory}
    if file.holder != "qemu":
        beside.add(f"{file.directory.rpartition('/')[0]}/CA")
    trusted = [c for each in pki.of("authority") if each.directory in beside for _, c in each.certificates]
    if not trusted and file.holder != "qemu":
        trusted = [c for each in pki.of("authority") if each.holder == "libvirt" for _, c in each.certificates]
    if not trusted:
        if not any(each.role == "authority" and each.text is None for each in pki.files) and not pki.refused:
            yield "there is no certificate of an authority beside it"
        return
    chain = [certificate, *(each for _, each in file.certificates[1:])]
    if not all(any(each.issued_by(other) for other in (*trusted, *chain)) for each in chain):
        yield "no authority beside it has issued it"


def _key(file: PkiFile, pki: Pki) -> Findings:
    """Whether the private key beside a certificate is its own."""
    if file.role == "authority" or not file.certificates:
        return
    _, certificate = file.certificates[0]
    subject = Subject("file", file.path)
    name = file.name.replace("cert", "key", 1)
    key = next((each for each in pki.of("key") if each.directory == file.directory and each.name == name), None)
    if key is None:
        return
    known = [each.spki_sha256 for each in key.keys if each.spki_sha256]
    if certificate.key_id in known:
        yield passed(subject, f"its key is {key.path}", key.cite())
    elif known:
        fix = by_hand(Document("file", key.path), "install the key and its certificate together")
        yield failed(subject, f"{key.path} is not its key", fix, evidence=[key.cite(1, "another key")])
    else:
        yield unknown(
            subject, f"whether {key.path} is its key: {key.problem or 'it cannot be opened'}", key.cite()
        )


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("tls-step-2-certificates", "certificate-locations"),
    check=check,
)
