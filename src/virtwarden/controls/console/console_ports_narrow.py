"""Consoles that are reached by their ports get them from a narrow range.

libvirt gives a console the first free port from 5900 on, up to 65535 unless told otherwise. A firewall that is to
let viewers reach the consoles of the management network then has to open nearly every port, and whatever else is
started there is open as well. A range that fits the guests of one host can be told to a firewall, and to sshd.

Judged: `remote_display_port_min` and `remote_display_port_max` in qemu.conf, and the ports of consoles that others than
this host can reach, against `console.last_port` of the policy. A wide range is fine where nobody has to be told of it:
where no console is reached from elsewhere, and the policy neither wants that nor has SSH carry ports of consoles.

Fix: set `remote_display_port_max`, and `remote_display_port_min` where it lies outside; let libvirt pick the port of a
guest that has one outside. Guests that run keep their ports until their next start.

Proof: `virsh domdisplay` of a guest that is started shows a port in the range.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetAttribute, SetConf
from virtwarden.facts.console_moves import wanted_place
from virtwarden.facts.consoles import places, reach_of
from virtwarden.facts.domain import Console, Definition
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Safety, Severity, State, Subject

FIRST, LAST = "remote_display_port_min", "remote_display_port_max"
LISTEN = ("vnc_listen", "spice_listen", "rdp_listen")
LEAST = 5900


def check(host: Host) -> Findings:
    guests, policy = host.get(Guests), host.get(Policy)
    needed = policy.remote.ssh_consoles or wanted_place(host) == "management" or _is_set_up(host)
    for guest in guests:
        for definition in guest.definitions:
            for console in _far(host, definition):
                needed = True
                yield from _ports(guest.name, definition, console, policy.console.last_port)
    yield from _range(host.get(QemuConf), policy.console.last_port, needed=needed)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _is_set_up(host: Host) -> bool:
    """Whether guests that name no address get one that others reach."""
    return any(reach_of(getattr(host.get(QemuConf), key)) in ("address", "any") for key in LISTEN)


def _far(host: Host, definition: Definition) -> Iterator[Console]:
    conf = host.get(QemuConf)
    return (each for each in definition.consoles if any(place.beyond for place in places(each, conf)))


def _ports(name: str, definition: Definition, console: Console, last: int) -> Findings:
    given = {"port": console.port, "tlsPort": console.tls_port}
    outside = {key: port for key, port in given.items() if port is not None and not LEAST <= port <= last}
    if not outside:
        return
    path = f"devices/graphics[@type='{console.kind}']"
    edits = [SetAttribute(path, "autoport", "yes"), *(SetAttribute(path, key, "-1") for key in outside)]
    fix = [Change(Document("domain", name), edit, Safety.DISRUPTIVE) for edit in edits]
    ports = " and ".join(map(str, outside.values()))
    message = f"{console.kind.upper()} has port {ports}, not one from {LEAST} to {last}"
    evidence = [definition.cite(console.line)]
    yield failed(Subject("guest", name), message, *fix, evidence=evidence, state=definition.state)


def _range(conf: QemuConf, last: int, *, needed: bool) -> Findings:
    subject, evidence = Subject("setting", LAST), (conf.cite(FIRST), conf.cite(LAST))
    message = f"consoles get ports from {conf.remote_display_port_min} to {conf.remote_display_port_max}"
    fix = _narrowing(conf, last)
    if not fix:
        yield passed(subject, message, *evidence, state=State.ON_DISK)
    elif needed:
        wider = f"{message}, not from {LEAST} to {last}"
        yield failed(subject, wider, *fix, evidence=evidence, state=State.ON_DISK)
    else:
        yield _nobody(subject, evidence)


def _nobody(subject: Subject, evidence: tuple[Evidence, ...]) -> Finding:
    message = "no console is reached by its port from elsewhere, so no firewall has to know it"
    return notapplicable(subject, message, *evidence, state=State.ON_DISK)


def _narrowing(conf: QemuConf, last: int) -> list[Change]:
    fix = [] if conf.remote_display_port_max <= last else [file_change(PATH, SetConf(LAST, last))]
    if not LEAST <= conf.remote_display_port_min < last:
        fix.append(file_change(PATH, SetConf(FIRST, LEAST)))
    return fix


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("vnc-firewall", "spice-firewall"),
    check=check,
)
