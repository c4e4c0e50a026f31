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

Proof: `virt-warden prove remote`: a client with the server's own certificate is refused, and the server is not taken
for a name that its certificate lacks.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from virtwarden.control import Control, Findings
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.pki import Pki, PkiFile
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, Subject
from virtwarden.pki.verify import single
from virtwarden.pki.verify.faults import Limits

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

BOTH_ROLES = ("/etc/pki/libvirt-migrate", "/etc/pki/libvirt-chardev")
SAID_OF_ITSELF = ("expired", "not-yet-valid", "weak-signature")
STEPS = "issue a new certificate: version 3, one role, alternative names, SHA-256, a random serial number"


def check(host: Host) -> Findings:
    pki = host.get(Pki)
    wanted = host.get(Policy).remote
    serials = _serials(pki)
    limits = replace(limits_of(wanted), libvirt=host.get(Libvirt).version or single.NO_ENCIPHERMENT)
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
            faults = [*_own(certificate, file, host.taken_at, limits)]
            if file.role != "authority":
                faults.extend(_issuer(file, pki, host.taken_at))
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


def limits_of(wanted: Remote) -> Limits:
    """What the site's policy asks of certificates."""
    leaf, authority = timedelta(days=wanted.leaf_days), timedelta(days=wanted.authority_days)
    return Limits(wanted.rsa_bits, leaf, authority, timedelta(days=wanted.notice_days))


def _own(certificate: "Certificate", file: PkiFile, now: datetime, limits: Limits) -> Iterator[str]:
    """What the certificate itself has against it."""
    for fault in single.common(certificate, now, limits):
        yield fault.message
    if file.role == "authority":
        found = single.authority(certificate, limits)
    else:
        roles = single.Roles.BOTH if file.directory in BOTH_ROLES else single.Roles.ONE
        end: single.End = "server" if file.role == "server" else "client"
        found = chain(single.leaf(certificate, end, roles, limits), single.encipherment(certificate, limits))
    for fault in found:
        yield fault.message


def _issuer(file: PkiFile, pki: Pki, now: datetime) -> Iterator[str]:
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
    # The library takes as long to load as all the rest, and few hosts have certificates.
    from virtwarden.pki.verify.chain import faults  # noqa: PLC0415

    for fault in faults([each for _, each in file.certificates], trusted, now):
        if fault.code not in SAID_OF_ITSELF:
            yield fault.message


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
