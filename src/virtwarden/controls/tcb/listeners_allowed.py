"""Nothing listens for the network but what the site allows.

Every socket that a stranger can reach is code of the host that he may try his luck on, with the guests as the
prize. On a host of guests that is seldom more than SSH and, where it is wanted, libvirt over TLS. A guest on a
virtual network is such a stranger too.

Judged: every TCP and UDP socket that can be reached from beyond the host, against `tcb.allowed_listeners` of
the policy. What libvirt itself needs is allowed: its dnsmasq on virtual networks, its own TLS port, and the
ports of an incoming migration while it lasts. Consoles of guests are not; allow them by name or close them.

Fix: disable the socket unit and its service, both, or the socket starts the service again; or allow the port.

Proof: from a guest's network and from a third host every port that is not allowed refuses a connection.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.policy import Policy
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Severity, State, Subject

TLS_PORT = 16514
MIGRATION = range(49152, 49216)
NAME_AND_ADDRESS = (53, 67, 547)


def check(host: Host) -> Findings:
    allowed = host.get(Policy).tcb.allowed_listeners
    listeners = host.get(Listeners)
    outward = [listener for listener in listeners if not listener.local]
    if not outward:
        yield passed(
            HOST, "nothing can be reached from beyond this host", listeners.evidence, state=State.IN_FORCE
        )
    for listener in outward:
        subject = Subject("listener", f"{listener.protocol} {listener.where}")
        reason = needed(listener)
        if any(meant(listener, item) for item in allowed):
            yield passed(subject, f"{listener.name} is allowed", listener.evidence, state=State.IN_FORCE)
        elif reason:
            yield passed(subject, reason, listener.evidence, state=State.IN_FORCE)
        elif listener.port in NAME_AND_ADDRESS and not listener.programs:
            message = f"whether libvirt's dnsmasq holds {listener.where}: its process cannot be seen"
            yield unknown(subject, message, listener.evidence, state=State.IN_FORCE)
        else:
            message = f"{listener.holder} listens on {listener.where}, which the policy does not allow"
            yield failed(subject, message, closing(listener), evidence=[listener.evidence], state=State.IN_FORCE)


def meant(listener: Listener, item: str) -> bool:
    """Whether an item of the policy, `tcp/22` or `tcp/49152-49215`, means this listener."""
    protocol, _, ports = item.partition("/")
    first, _, last = ports.partition("-")
    if protocol != listener.protocol or not first.isdigit() or not (last or first).isdigit():
        return False
    return int(first) <= listener.port <= int(last or first)


def needed(listener: Listener) -> str:
    """Why libvirt needs this listener; empty where it does not."""
    if listener.port in NAME_AND_ADDRESS and "dnsmasq" in listener.programs and listener.reach != "any":
        return f"dnsmasq serves one network at {listener.where}"
    by_libvirt = {"libvirtd", "virtproxyd"} & set(listener.programs) or (listener.unit or "").endswith(
        "-tls.socket"
    )
    if listener.name == f"tcp/{TLS_PORT}" and by_libvirt:
        return "libvirt's own TLS port, which controls of remote management judge"
    if listener.protocol == "tcp" and listener.port in MIGRATION and any(is_qemu(p) for p in listener.programs):
        return "a guest is being received, for as long as that lasts"
    return ""


def is_qemu(program: str) -> bool:
    """Whether a process name is QEMU's."""
    return program.startswith(("qemu", "kvm"))


def closing(listener: Listener) -> Change:
    """What closes it."""
    if listener.unit is not None:
        return Change(Document("unit", listener.unit), SetState("disabled"))
    steps = (
        f"end what listens on {listener.where} ({listener.holder}): disable its .socket and .service with "
        f"`systemctl disable --now`, bind it to 127.0.0.1, or add {listener.name} to tcb.allowed_listeners"
    )
    return by_hand(Document("listener", listener.where), steps)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
