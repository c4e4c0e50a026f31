"""Consoles, channels and disks that cross the network do so over TLS, and QEMU's monitor does not at all.

A serial console over TCP or telnet is a log-in prompt without a lock: whoever connects is there, and whoever
listens reads along. A disk over NBD in the clear can be read and changed on its way. QEMU's monitor on a TCP
port is the host itself: it opens files and runs migrations.

Judged: character devices of type tcp or udp beyond the loopback address, NBD disks from other hosts and the NBD images
below disks, each by its `tls` attribute or by `chardev_tls` and `nbd_tls` in qemu.conf. Among the guest's own QEMU
arguments: `-serial` and `-chardev` with an address beyond this host, `-vnc` and `-spice` there without TLS, and
`-qmp`, `-monitor`, `-mon` and `-gdb` with any TCP address, `-s` too, since every user of the host reaches the loopback
address. On disk and in force.

Fix: `tls='yes'` on the source with certificates in place, or a UNIX socket in place of the port. The guest
takes it at its next start.

Proof: `openssl s_client` to the port without a certificate gets no console; the traffic holds no text of it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from virtwarden.control import Control, Findings
from virtwarden.facts.consoles import reach_of
from virtwarden.facts.domain import Definition
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Severity, State, Subject

ELEMENTS = ("serial", "parallel", "console", "channel", "redirdev", "smartcard", "rng/backend")
STEPS = "give the source tls='yes', or put a UNIX socket in its place (virsh edit), and start the guest anew"
REMOVE = "take the argument out of <qemu:commandline> (virsh edit), and start the guest anew"
_MASTERS = ("-qmp", "-qmp-pretty", "-monitor", "-gdb")
_OPTIONS = (*_MASTERS, "-serial", "-parallel", "-chardev")
_ADDRESS = re.compile(r"\b(?:tcp|telnet|tn3270|websocket|udp):(?P<host>\[[^]]*\]|[^:,\[]*):\d")
_SOCKET = re.compile(r"\bhost=(?P<host>[^,]*)")
_PORT = re.compile(r"\bport=\d")
_DISPLAY = re.compile(r"(?P<host>\[[^]]*\]|[^:,\[]*):\d")
_SPICE = re.compile(r"\baddr=(?P<host>[^,]*)")
_PLAIN = re.compile(r"(?:\A|,)port=[1-9]")
_ID = re.compile(r"\bid=(?P<id>[^,]*)")


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    guests, found = host.get(Guests), False
    for guest in guests:
        subject, document = Subject("guest", guest.name), Document("domain", guest.name)
        for definition in guest.definitions:
            for what, clear, steps, evidence in _connections(definition, conf):
                found = True
                if clear:
                    fix = by_hand(document, steps)
                    yield failed(
                        subject, f"{what} is in the clear", fix, evidence=evidence, state=definition.state
                    )
                else:
                    yield passed(subject, f"{what} is encrypted", *evidence, state=definition.state)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not found:
        yield notapplicable(HOST, "no guest has a channel or disk that crosses the network")


Connection = tuple[str, bool, str, list[Evidence]]


def _connections(definition: Definition, conf: QemuConf) -> Iterator[Connection]:
    seen: set[str] = set()
    for name in ELEMENTS:
        for element in definition.xml.iterfind(f"devices/{name}"):
            for what, clear, evidence in _character_device(definition, element, conf):
                if what not in seen:  # the first serial device stands in the XML as a console once more
                    seen.add(what)
                    yield what, clear, STEPS, evidence
    for disk in definition.disks:
        for source in disk.xml.iter("source"):
            far = list(_far_hosts(source))
            if far and source.get("protocol") == "nbd":
                cited = [definition.cite(line_of(source)), conf.cite("nbd_tls")]
                yield f"disk {disk.target} from {far[0]}", not _tls(source, conf.nbd_tls), STEPS, cited
    yield from _arguments(definition)


def _character_device(
    definition: Definition, element: Element, conf: QemuConf
) -> Iterator[tuple[str, bool, list[Evidence]]]:
    kind = element.get("type")
    for source in element.iterfind("source") if kind in ("tcp", "udp") else ():
        host = source.get("host") or ("*" if source.get("mode") == "bind" else "127.0.0.1")
        if reach_of(host) == "loopback":
            continue
        telnet = element.find("protocol")
        protocol = kind if telnet is None or telnet.get("type") == "raw" else telnet.get("type")
        clear = kind == "udp" or not _tls(source, conf.chardev_tls)
        evidence = [definition.cite(line_of(element)), conf.cite("chardev_tls")]
        yield f"{protocol} to {host}:{source.get('service')}", clear, evidence


def _tls(source: Element | None, default: bool) -> bool:
    said = None if source is None else source.get("tls")
    return default if said is None else said == "yes"


def _far_hosts(source: Element) -> Iterator[str]:
    for host in source.iterfind("host"):
        name = host.get("name") or ""
        if host.get("transport") != "unix" and reach_of(name) != "loopback":
            yield name


def _arguments(definition: Definition) -> Iterator[Connection]:
    words = [
        (argument.get("value") or "", line_of(argument))
        for commandline in definition.qemu_arguments
        for argument in commandline
        if isinstance(argument.tag, str) and argument.tag.endswith("}arg")
    ]
    pairs = list(pairwise((*words, ("", 0))))
    mastered = {
        value.partition("chardev=")[2].split(",")[0] for (option, _), (value, _) in pairs if option == "-mon"
    }
    for (option, line), (value, _) in pairs:
        name = option.replace("--", "-", 1)
        if name == "-s":
            yield "the debugger's port 1234", True, REMOVE, [definition.cite(line)]
        elif _is_open(name, value, mastered):
            yield f"{option} {value}", True, REMOVE, [definition.cite(line, f"{option} {value}")]


def _is_open(option: str, value: str, mastered: set[str]) -> bool:
    """Whether an argument of QEMU opens, or takes, a connection in the clear to where it should not."""
    host = _host(option, value)
    if host is None or "tls-creds=" in value:
        return False
    identity = _ID.search(value)
    master = option in _MASTERS or (option == "-chardev" and identity is not None and identity["id"] in mastered)
    return master or reach_of(host or "*") != "loopback"


def _host(option: str, value: str) -> str | None:
    """The address of the network that an argument names, empty for every one; None where it names none."""
    if option == "-spice":
        found = _SPICE.search(value)
        return (found["host"] if found else "") if _PLAIN.search(value) else None
    if option in ("-vnc", "-display"):
        found = _DISPLAY.match(value.removeprefix("vnc="))
        return found["host"] if found and (option == "-vnc" or value.startswith("vnc=")) else None
    if option not in _OPTIONS:
        return None
    if option == "-chardev" and value.startswith(("socket,", "udp,")):
        found = _SOCKET.search(value)
        return found["host"] if found else "" if _PORT.search(value) else None
    found = _ADDRESS.search(value)
    return None if found is None else found["host"]


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.HIGH, check=check)
