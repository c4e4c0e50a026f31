"""No console listens on every address of the host.

On 0.0.0.0 a console is offered to the guests' own networks and to whatever network is plugged in next. The
blueprint tells one to set it for the host and for each guest. TLS keeps strangers out of the session, and the
TLS library is all that stands between them and QEMU.

Judged: `vnc_listen`, `spice_listen` and `rdp_listen` in qemu.conf; the addresses of each guest's consoles on
disk and in force.

Fix: where the policy's `console.listen` says. By default, with management over SSH, that is a UNIX socket: viewers then
come over SSH (`virt-warden console` shows how) or by `virt-viewer --attach`, and those that dial the host's port reach
nothing any more. A SPICE console on a socket has no TLS, so that a mode of `secure` goes with its address. libvirt
before 2.0, as on RHEL 6 and SLES 11, knows no sockets here; its consoles go to the loopback address. With
`console.listen = "management"`, or management over TLS, it is the management address. Guests take it at their next
start.

Proof: `virt-warden prove console` shows where a running guest's console is, and whom it lets in there.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.console_moves import moved, moved_by_conf
from virtwarden.facts.consoles import Place, places, reach_of
from virtwarden.facts.domain import Console, Definition
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QEMU_CONF, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Severity, State, Subject

KEYS = ("vnc_listen", "spice_listen", "rdp_listen")
STEPS = "name the management address in the policy, or in the guest's XML (virsh edit), and start the guest anew"


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    for key in KEYS:
        subject, address = Subject("setting", key), getattr(conf, key)
        if reach_of(address) == "any":
            fix = moved_by_conf(host, key) or (by_hand(QEMU_CONF, f"set {key} to the management address"),)
            message = f"{key} is {address}, every address"
            yield failed(subject, message, *fix, evidence=[conf.cite(key)], state=State.ON_DISK)
        else:
            yield passed(subject, f"{key} is {address}", conf.cite(key), state=State.ON_DISK)
    guests = host.get(Guests)
    for guest in guests:
        for definition in guest.definitions:
            yield from _judged(host, guest.name, definition, conf)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _judged(host: Host, name: str, definition: Definition, conf: QemuConf) -> Findings:
    subject = Subject("guest", name)
    for console in definition.consoles:
        kind, here = console.kind.upper(), definition.cite(console.line)
        found = list(places(console, conf))
        everywhere = [place for place in found if place.reach == "any"]
        if everywhere:
            fix = _fix(host, name, console, everywhere[0])
            message = f"{kind} listens on {everywhere[0].address}, every address"
            yield failed(subject, message, *fix, evidence=[here], state=definition.state)
        else:
            where = ", ".join(place.address or "a socket" for place in found if place.reach != "none")
            message = f"{kind} listens on {where}" if where else f"{kind} listens nowhere"
            yield passed(subject, message, here, state=definition.state)


def _fix(host: Host, name: str, console: Console, place: Place) -> tuple[Change, ...]:
    return moved(host, name, console, place) or (by_hand(Document("domain", name), STEPS),)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("vnc-server-settings", "vnc-guest-listen", "vnc-firewall", "spice-step-2-guest"),
    check=check,
)
