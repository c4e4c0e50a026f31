"""Consoles that only the host can reach ask its users who they are.

A console on the loopback address is open to every user and every service of the host: whoever may run a program
there sees the guest's screen and types at its keyboard. Tunnelling VNC through SSH, as the blueprint has it,
leaves this port open, and an eight-character VNC password does not close it. A UNIX socket belongs to QEMU's
user and lets only root and libvirt's clients in.

Judged: where each guest's VNC and SPICE consoles listen. A socket passes, and so does a loopback port that asks
for a client certificate or a log-in, or for a password in the case of SPICE, which does not send it in the
clear. On disk by the guest's XML and qemu.conf; in force by the command line of the guest's process.

Fix: where the policy wants consoles on sockets, which it does by default, `vnc_auto_unix_socket` or
`spice_auto_unix_socket` in qemu.conf where the guest names no address, and a listen element of type socket where it
names the loopback address. A SPICE console on a socket has no TLS, so that a mode of `secure` goes with its address.
Guests take it at their next start; viewers then come through libvirt (`virt-viewer --attach`) or over SSH
(`virt-warden console`), and those that dial the port reach nothing any more.

Proof: `virt-warden prove console`: an unprivileged user of the host is turned away at the console, our client is not.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.console_moves import insists_on_tls, knows_sockets, to_socket, wanted_place
from virtwarden.facts.consoles import Guard, Place, places, spice_in_force, vnc_as_configured, vnc_in_force
from virtwarden.facts.domain import Console, Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.processes import GuestProcesses
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Safety, Severity, State, Subject

KINDS = ("vnc", "spice")
OPEN = "is open to every user of the host"
STEPS = (
    "have the console ask for a certificate or a log-in, or put <listen type='socket'/> in place of its address"
)


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    guests, found = host.get(Guests), False
    for guest in guests:
        for definition in guest.definitions:
            for console in (each for each in definition.consoles if each.kind in KINDS):
                found = True
                yield from _judged(host, guest, definition, console, conf)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not found:
        yield notapplicable(HOST, "no guest has a VNC or SPICE console")


def _judged(host: Host, guest: Guest, definition: Definition, console: Console, conf: QemuConf) -> Findings:
    subject, state, name = Subject("guest", guest.name), definition.state, console.kind.upper()
    here = definition.cite(console.line)
    open_places = [place for place in places(console, conf) if place.reach not in ("none", "socket")]
    if not open_places:
        yield passed(subject, f"{name} is on a UNIX socket, or nowhere", here, state=state)
        return
    where = ", ".join(place.address for place in open_places)
    try:
        asks, fault = _asks(host, guest, definition, console, conf)
    except Unknown as refused:
        message = f"whom {name} on {where} lets in: {refused}"
        yield unknown(subject, message, here, *refused.evidence, state=state)
        return
    evidence = [here, *(conf.cite(place.key) for place in open_places if place.key)]
    if asks:
        yield passed(subject, f"{name} on {where} asks for {asks}", *evidence, state=state)
    else:
        message = f"{name} on {where} {fault}"
        fix = _fix(host, guest, console, open_places)
        yield failed(subject, message, *fix, evidence=evidence, state=state)


def _asks(host: Host, guest: Guest, definition: Definition, console: Console, conf: QemuConf) -> tuple[str, str]:
    """What a console asks of who connects; empty where it asks nothing that counts, and what is wrong then."""
    if definition.state is State.IN_FORCE:
        return _asks_now(host, guest, console)
    if console.kind == "vnc":
        return _of_vnc(vnc_as_configured(console, conf))
    if conf.spice_sasl:
        return "a log-in", ""
    if console.has_password or conf.spice_password:
        return "a password", ""
    if not definition.text.path.startswith("/"):
        raise Unknown("libvirt does not tell whether it has a password")
    return "", OPEN


def _asks_now(host: Host, guest: Guest, console: Console) -> tuple[str, str]:
    process = host.get(GuestProcesses).processes.get(guest.name)
    if process is not None and console.kind == "spice" and (spice := spice_in_force(process)) is not None:
        return spice[0], OPEN
    if process is not None and console.kind == "vnc" and (vnc := vnc_in_force(process)) is not None:
        return _of_vnc(vnc[0])
    raise Unknown(f"the command line of guest {guest.name} does not tell")


def _of_vnc(guard: Guard) -> tuple[str, str]:
    fault = "asks the host's users for no more than a VNC password" if guard.password else OPEN
    return "a log-in" if guard.sasl else "a client certificate" if guard.authenticates else "", fault


def _fix(host: Host, guest: Guest, console: Console, open_places: list[Place]) -> tuple[Change, ...]:
    may_move = all(place.reach in ("loopback", "any") for place in open_places)
    if wanted_place(host) != "socket" or not may_move or not knows_sockets(host):
        return (by_hand(Document("domain", guest.name), STEPS),)
    if all(place.key is not None for place in open_places) and not _keeps_some_from_starting(host, console.kind):
        return (file_change(PATH, SetConf(f"{console.kind}_auto_unix_socket", 1), Safety.DISRUPTIVE),)
    return to_socket(guest.name, console)


def _keeps_some_from_starting(host: Host, kind: str) -> bool:
    """Whether some guest leaves its place to qemu.conf and would not start with a socket there."""
    conf, found = host.get(QemuConf), (each for guest in host.get(Guests).guests for each in guest.definitions)
    consoles = (console for definition in found for console in definition.consoles_of(kind))
    return any(insists_on_tls(each) and any(place.key for place in places(each, conf)) for each in consoles)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("ssh-virt-viewer", "ssh-vnc-client"),
    check=check,
)
