"""What `pki status` tells: what ends when, and what each port serves against the file that it ought to serve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from virtwarden.facts.domain import Console
from virtwarden.facts.guests import Guests
from virtwarden.facts.pki import Pki, PkiFile
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.facts.remote import Remote, RemoteDaemon, listening
from virtwarden.host import Absent, Host, Unknown
from virtwarden.lab import Impossible, Speech
from virtwarden.labs.probes.serving import served
from virtwarden.pki.places import directory_of

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

_ANY = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  # where all are meant
_SPEECH: dict[str, Speech] = {"vnc": "vnc", "spice": "spice"}


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate or a revocation list with its end; None where a list names no next one."""

    path: str
    kind: str
    subject: str
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Port:
    """What is served at a port: `same` as in the file, None where it could not be told; `said` tells more."""

    where: str
    who: str
    file: str
    same: bool | None
    said: str


def endings(pki: Pki) -> list[Ending]:
    """Everything that ends, the next first."""
    found = [each for file in pki.files for each in _of_file(file)]
    return sorted(found, key=lambda each: (each.ends is None, each.ends and each.ends.timestamp(), each.path))


def _of_file(file: PkiFile) -> Iterator[Ending]:
    for _, certificate in file.certificates:
        kind = "authority" if certificate.authority else "certificate"
        yield Ending(file.path, kind, certificate.subject, certificate.not_after)
    for revocations in file.revocations:
        yield Ending(file.path, "revocation list", revocations.issuer, revocations.next_update)


def ports(host: Host, pki: Pki) -> Iterator[Port]:
    """What libvirt's daemons and the running guests' consoles serve."""
    try:
        daemons = host.get(Remote).daemons
    except (Absent, Unknown):
        daemons = ()
    for daemon in daemons:
        yield from _of_daemon(host, pki, daemon)
    try:
        guests, conf = host.get(Guests), host.get(QemuConf)
    except (Absent, Unknown):
        return
    for guest in guests.guests:
        for console in guest.in_force.consoles if guest.in_force is not None else ():
            yield from _of_console(pki, conf, guest.name, console)


def _of_daemon(host: Host, pki: Pki, daemon: RemoteDaemon) -> Iterator[Port]:
    try:
        file = daemon.conf.cert_file or "/etc/pki/libvirt/servercert.pem"
        found = listening(host, daemon, "tls")
    except Unknown as refused:
        yield Port("", daemon.name, "", None, str(refused))
        return
    for listener in found:
        address = _ANY.get(listener.address, listener.address)
        yield _compared(pki, (address, listener.port, "libvirt"), listener.where, daemon.name, file)


def _of_console(pki: Pki, conf: QemuConf, guest: str, console: Console) -> Iterator[Port]:
    port = console.tls_port if console.kind == "spice" else console.port if conf.vnc_tls else None
    if console.kind not in _SPEECH or port is None or port < 0:
        return
    named = conf.spice_tls_x509_cert_dir if console.kind == "spice" else conf.vnc_tls_x509_cert_dir
    own = named or directory_of("spice" if console.kind == "spice" else "vnc")
    known = {file.path for file in pki.files}
    places = (f"{each.rstrip('/')}/server-cert.pem" for each in (own, conf.default_tls_x509_cert_dir))
    file = next((each for each in places if each in known), f"{own}/server-cert.pem")
    given = next((each.address for each in console.listens if each.address), "127.0.0.1")
    where = (_ANY.get(given, given), port, _SPEECH[console.kind])
    yield _compared(pki, where, f"{given}:{port}", f"{console.kind.upper()} of {guest}", file)


def _compared(pki: Pki, asked: tuple[str, int, Speech], where: str, who: str, file: str) -> Port:
    from virtwarden.formats.certificate import certificate  # noqa: PLC0415  # it takes long to load

    held = next((each.certificates[0][1] for each in pki.files if each.path == file and each.certificates), None)
    try:
        shown = certificate(served(*asked).chain[0])
    except Impossible as wrong:
        return Port(where, who, file, None, str(wrong))
    if held is None:
        return Port(where, who, file, None, f"{file} holds no certificate that could be read")
    if _print(shown) == _print(held):
        return Port(where, who, file, True, f"until {shown.not_after:%Y-%m-%d}")
    return Port(
        where,
        who,
        file,
        False,
        f"serves another one, of serial {shown.serial:x}, until {shown.not_after:%Y-%m-%d}",
    )


def _print(certificate: Certificate) -> tuple[str, int, str]:
    return certificate.issuer, certificate.serial, certificate.key_id
