"""What `pki status` tells: what ends when, and what each port serves against the file that it ought to serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING

from virtwarden.facts.domain import Console
from virtwarden.facts.guests import Guests
from virtwarden.facts.pki import Pki, PkiFile
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.facts.remote import Remote, RemoteDaemon, listening
from virtwarden.formats import Malformed
from virtwarden.host import Absent, Host, Unknown
from virtwarden.lab import Impossible, Served, Speech
from virtwarden.labs.probes.serving import served

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

_ANY = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  # where all are meant
_SPEECH: dict[str, Speech] = {"vnc": "vnc", "spice": "spice"}
Look = Callable[[str, int, Speech], Served]
"""Tells what is served at an address and a port, in a protocol. Raises `Impossible`."""


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


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose port is asked, in which protocol; `where` is its address as it is written."""

    who: str
    speech: Speech
    address: str
    port: int
    where: str


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


def ports(host: Host, pki: Pki, look: Look = served) -> Iterator[Port]:
    """What libvirt's daemons and the running guests' consoles serve; where it is not known which they are, that.
    Migration and NBD have a port only as long as one goes on, and are not asked."""
    try:
        for daemon in host.get(Remote).daemons:
            yield from _of_daemon(host, pki, daemon, look)
    except Absent:
        pass
    except Unknown as refused:
        yield Port("", "libvirt", "", None, str(refused))
    try:
        yield from _of_guests(host, pki, look)
    except Absent:
        pass
    except Unknown as refused:
        yield Port("", "consoles", "", None, str(refused))


def _of_daemon(host: Host, pki: Pki, daemon: RemoteDaemon, look: Look) -> Iterator[Port]:
    try:
        conf = daemon.conf
        files = conf.cert_files or (conf.cert_file or "/etc/pki/libvirt/servercert.pem",)
        found = listening(host, daemon, "tls")
    except Unknown as refused:
        yield Port("", daemon.name, "", None, str(refused))
        return
    for listener in found:
        at = Asked(daemon.name, "libvirt", listener.address, listener.port, listener.where)
        yield _compared(pki, at, files, f"restart {daemon.name}, which then reads the file", look)


def _of_guests(host: Host, pki: Pki, look: Look) -> Iterator[Port]:
    guests, conf = host.get(Guests), host.get(QemuConf)
    for guest in guests.guests:
        for console in guest.in_force.consoles if guest.in_force is not None else ():
            yield from _of_console(pki, conf, guest.name, console, look)
    if guests.liveness is not None:
        raise Unknown(f"which guests run is not known: {guests.liveness}")
    guests.complete()


def _of_console(pki: Pki, conf: QemuConf, guest: str, console: Console, look: Look) -> Iterator[Port]:
    port = console.tls_port if console.kind == "spice" else console.port if conf.vnc_tls else None
    if console.kind not in _SPEECH or port is None or port < 0:
        return
    known = {file.path for file in pki.files}
    places = [f"{each.rstrip('/')}/server-cert.pem" for each in conf.certificate_directories(console.kind)]
    file = next((each for each in places if each in known), places[0])
    given = next((each.address for each in console.listens if each.address), "127.0.0.1")
    where = f"[{given}]:{port}" if ":" in given else f"{given}:{port}"
    at = Asked(f"{console.kind.upper()} of {guest}", _SPEECH[console.kind], given, port, where)
    live = f", or have it read the file: virsh domdisplay-reload {quote(guest)} --type vnc (libvirt 10.2)"
    yield _compared(pki, at, (file,), f"start the guest anew{live if console.kind == 'vnc' else ''}", look)


def _compared(pki: Pki, at: Asked, files: Sequence[str], mend: str, look: Look) -> Port:
    from virtwarden.formats.certificate import certificate  # noqa: PLC0415  # it takes long to load

    held = {each.path: each.certificates[0][1] for each in pki.files if each.path in files and each.certificates}
    try:
        shown = certificate(look(_ANY.get(at.address, at.address), at.port, at.speech).chain[0])
    except (Impossible, Malformed) as wrong:
        return Port(at.where, at.who, files[0], None, str(wrong))
    until = f"until {shown.not_after:%Y-%m-%d}"
    same = next((path for path, each in held.items() if _print(each) == _print(shown)), None)
    if same is not None:
        return Port(at.where, at.who, same, True, until)
    if len(held) < len(files):
        missing = next(path for path in files if path not in held)
        return Port(at.where, at.who, missing, None, f"{missing} holds no certificate that could be read")
    said = f"serves another one than {files[0]} holds, of serial {shown.serial:x}, {until}: {mend}"
    return Port(at.where, at.who, files[0], False, said)


def _print(certificate: Certificate) -> tuple[str, int, str]:
    return certificate.issuer, certificate.serial, certificate.key_id
