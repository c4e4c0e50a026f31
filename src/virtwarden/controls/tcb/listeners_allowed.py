"""Nothing listens for the network but what the site allows.

Every socket that a stranger can reach is code of the host that he may try his luck on, with the guests as the
prize. On a host of guests that is seldom more than SSH and, where it is wanted, libvirt over TLS. A guest on a
virtual network is such a stranger too.

Judged: every TCP and UDP socket that can be reached from beyond the host, against `tcb.allowed_listeners` of
the policy. What libvirt itself needs is allowed: its dnsmasq on its virtual networks, its own TLS port, and the
ports of an incoming migration while it lasts. Consoles of guests are not; allow them by name or close them. What
one program offers on one address is one finding, since programs like rpc.mountd take new ports at each start.

Fix: disable the socket unit and its service, both, or the socket starts the service again; or allow the port.

Proof: from a guest's network and from a third host every port that is not allowed refuses a connection.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.networks import Networks
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

TLS_PORT = 16514
MIGRATION = range(49152, 49216)
NAME_AND_ADDRESS = (53, 67, 547)


def check(host: Host) -> Findings:
    allowed = host.get(Policy).tcb.allowed_listeners
    listeners = host.get(Listeners)
    served = of_networks(host)
    outward = [listener for listener in listeners if not listener.local]
    if not outward:
        yield passed(
            HOST, "nothing can be reached from beyond this host", listeners.evidence, state=State.IN_FORCE
        )
    strangers: dict[tuple[str, str], list[Listener]] = {}
    for listener in outward:
        subject = Subject("listener", f"{listener.protocol} {listener.where}")
        reason = needed(listener, served)
        if any(meant(listener, item) for item in allowed):
            yield passed(subject, f"{listener.name} is allowed", listener.evidence, state=State.IN_FORCE)
        elif reason:
            yield passed(subject, reason, listener.evidence, state=State.IN_FORCE)
        elif listener.port in NAME_AND_ADDRESS and not listener.programs:
            message = f"whether libvirt's dnsmasq holds {listener.where}: its process cannot be seen"
            yield unknown(subject, message, listener.evidence, state=State.IN_FORCE)
        else:
            strangers.setdefault((listener.holder, listener.scope), []).append(listener)
    for found in strangers.values():
        yield judged(found)


def judged(listeners: list[Listener]) -> Finding:
    """The finding on what one program offers on one address, however many its ports are."""
    first = listeners[0]
    ports: dict[str, set[int]] = {}
    for listener in listeners:
        ports.setdefault(listener.protocol, set()).add(listener.port)
    listed = "; ".join(f"{name} {', '.join(map(str, sorted(ports[name])))}" for name in sorted(ports))
    subject = Subject("listener", first.holder)
    message = f"it listens on {first.scope} where the policy allows nothing: {listed}"
    return failed(subject, message, closing(first), evidence=[each.evidence for each in listeners],
                  state=State.IN_FORCE)  # fmt: skip


def meant(listener: Listener, item: str) -> bool:
    """Whether an item of the policy, `tcp/22` or `tcp/49152-49215`, means this listener."""
    protocol, _, ports = item.partition("/")
    first, _, last = ports.partition("-")
    return protocol == listener.protocol and int(first) <= listener.port <= int(last or first)


def of_networks(host: Host) -> frozenset[str] | None:
    """The bridges and addresses of libvirt's own networks; None where these are not all known."""
    try:
        networks = host.get(Networks)
    except Absent:
        return frozenset()
    except Unknown:
        return None
    known = [n for n in (*networks.on_disk.values(), *networks.in_force.values()) if n.owns_bridge]
    if networks.unread or networks.liveness is not None:
        return None
    return frozenset(str(word) for network in known for word in (network.bridge, *network.addresses))


def is_served(listener: Listener, served: frozenset[str] | None) -> bool:
    """Whether a listener is on a network of libvirt's, where that can be told."""
    if listener.reach == "any":
        return False
    return served is None or not served.isdisjoint({listener.address, listener.device})


def needed(listener: Listener, served: frozenset[str] | None) -> str:
    """Why libvirt needs this listener; empty where it does not."""
    if listener.port in NAME_AND_ADDRESS and "dnsmasq" in listener.programs and is_served(listener, served):
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
        return Change(Document("unit", listener.unit), SetState("disabled"), Safety.DISRUPTIVE)
    ending = "`systemctl disable --now` its .socket and .service, or bind it to 127.0.0.1"
    if listener.is_kernels:
        ending = (
            "`systemctl disable --now` the service that asked the kernel for it, nfs-server for 2049 and lockd"
        )
    elif any(map(is_qemu, listener.programs)):
        ending = "give the guests' consoles, serial ports and monitors UNIX sockets or the management address"
    steps = f"{ending}; or allow its ports in tcb.allowed_listeners of the policy"
    return by_hand(Document("listener", listener.holder), steps)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
