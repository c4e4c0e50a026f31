"""Consoles, channels and disks that cross the network do so over TLS, and QEMU's monitor does not at all.

A serial console over TCP or telnet is a log-in prompt without a lock: whoever connects is there, and whoever
listens reads along. A disk over NBD in the clear can be read and changed on its way. QEMU's monitor on a TCP
port is the host itself: it opens files and runs migrations.

Judged: character devices of type tcp or udp beyond the loopback address, NBD disks from other hosts, each by
its `tls` attribute or by `chardev_tls` and `nbd_tls` in qemu.conf; `-qmp`, `-monitor`, `-gdb`, `-serial`,
`-chardev` with a TCP address, and `-s`, among the guest's own QEMU arguments. On disk and in force.

Fix: `tls='yes'` on the source with certificates in place, or a UNIX socket in place of the port. The guest
takes it at its next start.

Proof: a client without a certificate gets no console; the traffic holds no text of it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from virtwarden.control import Control, Findings
from virtwarden.facts.consoles import reach_of
from virtwarden.facts.domain import Definition, Disk
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Severity, State, Subject

ELEMENTS = ("serial", "parallel", "console", "channel", "redirdev", "smartcard", "rng/backend")
STEPS = "give the source tls='yes', or put a UNIX socket in its place (virsh edit), and start the guest anew"
REMOVE = "take the argument out of <qemu:commandline> (virsh edit), and start the guest anew"
_OPTIONS = ("-qmp", "-qmp-pretty", "-monitor", "-mon", "-gdb", "-serial", "-parallel", "-chardev")
_ADDRESS = re.compile(r"\b(?:tcp|telnet|tn3270|websocket|udp):(?P<host>\[[^]]*\]|[^:,\[]*):\d")
_SOCKET = re.compile(r"\bhost=(?P<host>[^,]*)")


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
        far = [] if disk.protocol != "nbd" else list(_far_hosts(disk))
        if far:
            clear = not _tls(disk.xml.find("source"), conf.nbd_tls)
            yield (
                f"disk {disk.target} from {far[0]}",
                clear,
                STEPS,
                [definition.cite(disk.line), conf.cite("nbd_tls")],
            )
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


def _far_hosts(disk: Disk) -> Iterator[str]:
    for host in disk.xml.iterfind("source/host"):
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
    for (option, line), (value, _) in pairwise((*words, ("", 0))):
        if option in ("-s", "--s"):
            yield "the debugger's port 1234", True, REMOVE, [definition.cite(line)]
        elif option.replace("--", "-", 1) in _OPTIONS and _beyond(value):
            yield f"{option} {value}", True, REMOVE, [definition.cite(line, f"{option} {value}")]


def _beyond(value: str) -> bool:
    """Whether an argument of QEMU names a place that others can reach."""
    found = _ADDRESS.search(value) or (_SOCKET.search(value) if value.startswith(("socket,", "udp,")) else None)
    return found is not None and "tls-creds=" not in value and reach_of(found["host"] or "*") != "loopback"


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.HIGH, check=check)
