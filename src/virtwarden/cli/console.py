"""`virt-warden console`: the commands that reach a running guest's screen as the policy wants it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.reaching import Reach, add_reach, become, reach_of, shell

if TYPE_CHECKING:
    from virtwarden.cli.reaching.viewing import Way
    from virtwarden.facts.domain import Console, Definition
    from virtwarden.host import Host, Source

_KINDS = ("spice", "vnc")


def run(words: list[str]) -> int:
    """Print the commands, or run them."""
    chosen = options().parse_args(words)
    if not chosen.guest.isprintable() or not chosen.guest:
        raise UsageError(f"{chosen.guest!r} is no name of a guest")
    reach = reach_of(chosen, chosen.host)
    if chosen.pkipath and reach.transport != "tls":
        raise UsageError("--pkipath is for the transport tls")
    ways = _ways(reach, chosen)
    if chosen.run:
        return _run(ways[0])
    if chosen.json:
        print(_as_json(chosen.guest, reach, ways))
        return PASSED
    for way in ways:
        _show(way)
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("console", "Show, or run, what reaches a running guest's screen as the policy wants it.")
    made.add_argument("guest", metavar="GUEST", help="the guest's name")
    made.add_argument("--host", metavar="HOST", help="the host on which it runs (default: this one)")
    made.add_argument("--type", dest="kind", choices=_KINDS, help="of several consoles this one (default: all)")
    made.add_argument("--pkipath", metavar="DIR", help="over tls: the folder with the client's certificate")
    add_reach(made)
    return made


def _ways(reach: Reach, chosen: argparse.Namespace) -> list[Way]:
    from virtwarden.cli.reaching import viewing  # noqa: PLC0415  # not needed for help

    with _source(reach) as source:
        definition, host = _looked_up(source, reach, chosen)
        consoles = viewing.consoles_of(definition, chosen.kind)
        if not consoles:
            return [_otherwise(reach, definition, chosen)]
        if reach.host is None:
            return [viewing.attached(definition.name)]
        return [_way(reach, console, host) for console in consoles]


def _otherwise(reach: Reach, definition: Definition, chosen: argparse.Namespace) -> Way:
    """The text console of a guest without a screen. Raises `UsageError` where there is none either."""
    from virtwarden.cli.reaching.viewing import text_console  # noqa: PLC0415

    if chosen.kind:
        raise UsageError(f"guest {definition.name} has no {chosen.kind.upper()} console")
    if not definition.has("devices/console"):
        raise UsageError(f"guest {definition.name} has no console of any kind")
    return text_console(reach, definition.name)


def _way(reach: Reach, console: Console, host: Host | None) -> Way:
    from virtwarden.cli.reaching import viewing  # noqa: PLC0415
    from virtwarden.cli.reaching.freeport import free_port  # noqa: PLC0415

    if reach.transport == "ssh":
        subject = _subject_on(host) if host is not None and console.port is None and console.tls_port else None
        return viewing.tunnelled(reach, console, free_port(viewing.far_port(console)), subject)
    served = _subject_served(reach, console.tls_port) if console.kind == "spice" and console.tls_port else None
    return viewing.over_tls(reach, console, served)


@contextmanager
def _source(reach: Reach) -> Iterator[Source]:
    """Where the guest's definition is read: here, or over ssh where a shell is to be had there. Whose key opens libvirt
    alone asks libvirt, by the program here."""
    from contextlib import closing  # noqa: PLC0415

    from virtwarden.sources import SourceError  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415

    if reach.transport != "ssh":
        yield Local()
        return
    from virtwarden.sources.ssh import Ssh  # noqa: PLC0415

    login = f"{reach.user}@{reach.bracketed}" if reach.user else reach.bracketed
    try:
        ssh = Ssh(f"ssh://{login}{f':{reach.port}' if reach.port else ''}")
    except SourceError:
        yield Local()
        return
    with closing(ssh):
        yield ssh


def _looked_up(source: Source, reach: Reach, chosen: argparse.Namespace) -> tuple[Definition, Host | None]:
    """The running guest's definition, and the host it was read from, if it was. Raises `UsageError`."""
    from virtwarden.facts.guests import Guests  # noqa: PLC0415
    from virtwarden.host import Absent, Host, Unknown  # noqa: PLC0415
    from virtwarden.profiles import require_known  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415

    if reach.host is not None and isinstance(source, Local):
        return _asked(source, reach, chosen), None
    host, name = Host(source), chosen.guest
    try:
        guests = host.get(Guests)
        if name not in {guest.name for guest in guests.guests}:
            guests.complete()
            require_known(name, [guest.name for guest in guests.guests], "guest")
        if guests.liveness is not None:
            raise Unknown(guests.liveness)
    except (Absent, Unknown) as refused:
        raise UsageError(f"where guest {name} runs cannot be told: {refused}") from None
    guest = next(guest for guest in guests.guests if guest.name == name)
    if guest.in_force is None:
        raise UsageError(f"guest {name} does not run; virsh start has it run")
    return guest.in_force, host


def _asked(source: Source, reach: Reach, chosen: argparse.Namespace) -> Definition:
    """The definition as libvirt at the other end gives it. Raises `UsageError`."""
    from virtwarden.facts.domain import Definition  # noqa: PLC0415
    from virtwarden.formats import Malformed, xmltext  # noqa: PLC0415
    from virtwarden.host import Absent, Text, Unknown  # noqa: PLC0415
    from virtwarden.model import State  # noqa: PLC0415

    name, uri = chosen.guest, reach.uri(chosen.pkipath)
    try:
        said = source.run("virsh", "-q", "-r", "-c", uri, "dumpxml", "--domain", name)
        if said.code != 0:
            raise Unknown(" ".join(said.stderr.split()) or f"virsh ends with {said.code}")
        xml = xmltext.parse(said.stdout)
    except (Absent, Unknown, Malformed) as refused:
        raise UsageError(f"libvirt on {reach.host} tells nothing of {name}: {refused}") from None
    if xml.get("id") is None:
        raise UsageError(f"guest {name} does not run; virsh start has it run")
    return Definition(xml, State.IN_FORCE, Text(uri, said.stdout, said.at))


def _subject_on(host: Host) -> str | None:
    """The subject of SPICE's certificate on the host; None where it cannot be read."""
    from virtwarden.cli.reaching.viewing import openssl_subject  # noqa: PLC0415
    from virtwarden.facts.qemu_conf import QemuConf  # noqa: PLC0415
    from virtwarden.formats import Malformed, certificate  # noqa: PLC0415
    from virtwarden.host import Absent, Unknown  # noqa: PLC0415

    try:
        conf = host.get(QemuConf)
    except (Absent, Unknown):
        conf = QemuConf()
    own = conf.spice_tls_x509_cert_dir or "/etc/pki/libvirt-spice"
    for directory in (own, conf.default_tls_x509_cert_dir):
        try:
            text = host.source.read(f"{directory.rstrip('/')}/server-cert.pem").text
            return openssl_subject(certificate.certificate(text).parsed.subject)
        except (Absent, Unknown, Malformed):
            continue
    return None


def _subject_served(reach: Reach, port: int) -> str | None:
    """The subject of the certificate that is really served. Raises `UsageError` where none is."""
    import ssl  # noqa: PLC0415

    from virtwarden.cli.reaching.viewing import openssl_subject  # noqa: PLC0415
    from virtwarden.formats import Malformed, certificate  # noqa: PLC0415

    try:
        pem = ssl.get_server_certificate((reach.host or "", port), timeout=_PATIENCE)
        return openssl_subject(certificate.certificate(pem).parsed.subject)
    except (OSError, ValueError, Malformed) as wrong:
        raise UsageError(f"{reach.host} serves no certificate at port {port}: {wrong}") from None


_PATIENCE = 10.0


def _run(way: Way) -> int:
    if not way.tunnel or way.local_port is None:
        return become(way.viewer)
    from virtwarden.cli.reaching.tunnel import through  # noqa: PLC0415

    return through(way.tunnel, way.local_port, way.viewer)


def _show(way: Way) -> None:
    """Print a way so that it can be pasted into a shell."""
    for remark in way.remarks:
        print(f"# {remark}")
    if way.tunnel:
        print(f"{shell(way.tunnel)}  # as long as you look; then, beside it:")
    print(shell(way.viewer))


def _as_json(name: str, reach: Reach, ways: list[Way]) -> str:
    import json  # noqa: PLC0415

    rows = [
        {
            "type": way.kind,
            "tunnel": list(way.tunnel) or None,
            "local_port": way.local_port,
            "viewer": list(way.viewer),
            "commands": [shell(argv) for argv in (way.tunnel, way.viewer) if argv],
            "remarks": list(way.remarks),
        }
        for way in ways
    ]
    return json.dumps({"guest": name, "host": reach.host, "transport": reach.transport, "ways": rows}, indent=2)
