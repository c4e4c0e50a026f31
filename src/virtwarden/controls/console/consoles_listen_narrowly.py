"""No console listens on every address of the host.

On 0.0.0.0 a console is offered to the guests' own networks and to whatever network is plugged in next. The
blueprint tells one to set it for the host and for each guest. TLS keeps strangers out of the session, and the
TLS library is all that stands between them and QEMU.

Judged: `vnc_listen`, `spice_listen` and `rdp_listen` in qemu.conf; the addresses of each guest's consoles on
disk and in force.

Fix: where the policy's `console.listen` says: a UNIX socket or the loopback address, with viewers coming over SSH
(`virt-warden console` shows how), or the management address, with TLS. Guests take it at their next start.

Proof: the console's port answers on the management network and on no guest's.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.console_moves import LOOPBACK, moved
from virtwarden.facts.consoles import places, reach_of
from virtwarden.facts.domain import Console, Definition
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import HOST, Change, Document, Severity, State, Subject

KEYS = ("vnc_listen", "spice_listen", "rdp_listen")
STEPS = "name the management address in the policy, or in the guest's XML (virsh edit), and start the guest anew"


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    for key in KEYS:
        subject, address = Subject("setting", key), getattr(conf, key)
        if reach_of(address) == "any":
            fix = file_change(PATH, SetConf(key, LOOPBACK))
            message = f"{key} is {address}, every address"
            yield failed(subject, message, fix, evidence=[conf.cite(key)], state=State.ON_DISK)
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
            fix = _fix(host, name, console, everywhere[0].key)
            message = f"{kind} listens on {everywhere[0].address}, every address"
            yield failed(subject, message, *fix, evidence=[here], state=definition.state)
        else:
            where = ", ".join(place.address or f"a {place.reach}" for place in found)
            yield passed(subject, f"{kind} listens on {where}", here, state=definition.state)


def _fix(host: Host, name: str, console: Console, key: str | None) -> tuple[Change, ...]:
    if key:
        return (file_change(PATH, SetConf(key, LOOPBACK)),)
    return moved(host, name, console) or (by_hand(Document("domain", name), STEPS),)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("vnc-server-settings", "vnc-guest-listen", "vnc-firewall", "spice-step-2-guest"),
    check=check,
)
