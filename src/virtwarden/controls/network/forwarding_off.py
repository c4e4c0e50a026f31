"""The host does not forward packets between networks unless it is meant to.

With forwarding on the host is a router between every two of its interfaces, so a guest reaches the management
network by sending the host a packet for it. Containers, VPNs and libvirt's own NAT networks switch it on and
nobody switches it off again.

Judged: `net.ipv4.ip_forward`, which is also called `net.ipv4.conf.all.forwarding`, and
`net.ipv6.conf.all.forwarding`, on disk and in force. They may be on where the
policy says so (`network.routing`), where a libvirt network needs it (NAT, routed, open), and where the packet
filter drops everything that would go from the guests' bridges to the host's own uplinks.

Fix: set both to 0. Whatever routes through the host stops working.

Proof: a packet from a guest's bridge for an address behind the management interface does not come out there.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.bridges import file_of
from virtwarden.facts.kernel import Sysctls, Value
from virtwarden.facts.links import Links
from virtwarden.facts.networks import Network, Networks
from virtwarden.facts.nics import Nics
from virtwarden.facts.packets import PacketFilter
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Evidence, Finding, Safety, Severity, State, Subject

KEYS = {"net.ipv4.ip_forward": "ip", "net.ipv6.conf.all.forwarding": "ip6"}
NAMES = {"net.ipv4.ip_forward": ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding")}


def check(host: Host) -> Findings:
    sysctls = host.get(Sysctls)
    router = routed(host)
    for key in KEYS:
        subject = Subject("setting", key)
        if host.get(Policy).network.routing:
            yield notapplicable(subject, "the site's policy says that this host routes")
            continue
        for state, value in ((State.ON_DISK, configured), (State.IN_FORCE, effective)):
            try:
                yield from judged(host, subject, value(sysctls, key), router, state)
            except Absent as absent:
                yield notapplicable(subject, str(absent), *absent.evidence, state=state)
            except Unknown as refused:
                yield unknown(subject, str(refused), *refused.evidence, state=state)


def configured(sysctls: Sysctls, key: str) -> tuple[str, Value | None]:
    """The name under which the files set a switch last, and to what."""
    return sysctls.set_last(*NAMES.get(key, (key,))) or (key, None)


def effective(sysctls: Sysctls, key: str) -> tuple[str, Value | None]:
    return key, sysctls.effective(key)


def routed(host: Host) -> Network | Unknown | None:
    """A network of libvirt's that needs the host to forward, or why that is not known."""
    try:
        networks = host.get(Networks)
    except Absent:
        return None
    except Unknown as refused:
        return refused
    wanted = [n for n in networks.on_disk.values() if n.routed and n.autostart]
    running = [n for n in networks.in_force.values() if n.routed]
    if not running and not wanted and (networks.unread or networks.liveness):
        return Unknown(networks.liveness or networks.unread[0].text, *networks.unread)
    return next(iter((*running, *wanted)), None)


def judged(
    host: Host, subject: Subject, said: tuple[str, Value | None], router: Network | Unknown | None, state: State
) -> Iterator[Finding]:
    family = KEYS[subject.name]
    name, value = said
    evidence = Evidence(f"no file sets {subject.name}", path="/etc/sysctl.d") if value is None else value.evidence
    if value is None or value.value == "0":
        yield passed(subject, f"{subject.name} is {'not set' if value is None else 0}", evidence, state=state)
    elif isinstance(router, Network) and needs(router, family):
        message = f"network {router.name} of libvirt needs the host to forward"
        yield notapplicable(subject, message, evidence, router.cite(), state=state)
    elif state is State.IN_FORCE and (dropped := stopped(host, family)):
        yield passed(subject, "nothing from the guests' bridges is forwarded", evidence, *dropped, state=state)
    elif isinstance(router, Unknown):
        message = f"whether a network of libvirt needs the host to forward: {router}"
        yield unknown(subject, message, evidence, *router.evidence, state=state)
    else:
        change = file_change(file_of(value), SetLine(name, "0"), Safety.DISRUPTIVE)
        message = f"{subject.name} is {value.value}: guests can reach other networks through the host"
        yield failed(subject, message, change, evidence=[evidence], state=state)


def needs(network: Network, family: str) -> bool:
    """Whether a network has addresses of a family, for which the host must forward."""
    return any(address.version == (4 if family == "ip" else 6) for address in network.addresses)


def stopped(host: Host, family: str) -> tuple[Evidence, ...]:
    """The evidence that nothing passes from the guests' bridges to an uplink; none where something may.

    Raises `Unknown` where rules that could not be read may stop it.
    """
    try:
        bridges, links = host.get(Nics).bridges(), host.get(Links)
    except (Absent, Unknown):
        return ()
    ways = [{"iifname": bridge, "oifname": uplink} for bridge in bridges for uplink in links.uplinks]
    if not ways:
        return ()
    rules = host.get(PacketFilter)
    verdicts = {rules.drops_packet(family, "forward", way) for way in ways}
    if None in verdicts and False not in verdicts:
        raise Unknown(rules.refusal or "what is forwarded: the rules are more than is understood here")
    return rules.evidence if verdicts == {True} else ()


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("host-network-isolation",),
    check=check,
)
