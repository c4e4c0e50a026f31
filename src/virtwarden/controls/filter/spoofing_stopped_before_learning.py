"""Frames with a forged MAC address are dropped before the bridge learns from them.

A guest that sends with another's address takes over its traffic: the bridge believes the frame and moves the
address to the sender's port. The ebtables rule that the blueprint gives stands in FORWARD, which is too late.
The bridge has learned by then, and frames to the host itself never come by there. Only a drop in PREROUTING, or
a port that is locked and does not learn, prevents both.

Judged: for each interface of each running guest, the rules in force are asked what becomes of frames from its
tap with a foreign source address: ARP, IPv4, IPv6 and others, with and without a VLAN tag. A bridge port with
`learning off` and `locked on` passes as well; a virtual function of a network card passes with its spoof check.
macvtap checks nothing.

Fix: libvirt's filter no-mac-spoofing on the interface, which follows the guest from start to start.

Proof: a frame with a foreign address from the guest's port reaches neither guest nor host, the bridge's table
does not change, and an honest frame arrives.
"""

from collections.abc import Iterator, Mapping

from virtwarden.control import Control, Findings
from virtwarden.edits import InsertElement
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.links import Links
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import NwFilters
from virtwarden.facts.packets import PacketFilter
from virtwarden.facts.policy import Policy, matches
from virtwarden.facts.protection import stops_forged_macs
from virtwarden.formats.ebtables import ETHER_TYPES
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, checking_macs, failed, filter_first, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Safety, Severity, State

FORGED = "02:00:5e:10:00:01"
INSIDE = {"ARP": "arp", "IPv4": "ip", "IPv6": "ip6", "RARP": "rarp"}
OTHER = 0x88B5
UNFILTERED = ("user", "null", "internal", "udp", "client", "server", "mcast")
UNSEEN = ("vhostuser", "vdpa", "vds", "network")


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    running = nics.of(State.IN_FORCE)
    for nic in running:
        if matches(nic.guest.name, host.get(Policy).filter.trusted_guests):
            yield notapplicable(
                nic.subject, f"the site's policy trusts {nic.guest.name}", nic.cite(), state=nic.state
            )
            continue
        try:
            yield judged(host, nic)
        except (Absent, Unknown) as refused:
            yield unknown(nic.subject, str(refused), nic.cite(), *refused.evidence, state=nic.state)
    nics.complete()
    if nics.liveness is not None:
        yield unknown(HOST, f"which guests run: {nics.liveness}", state=State.IN_FORCE)
    elif not running:
        yield notapplicable(HOST, "no running guest has a network interface", state=State.IN_FORCE)


def judged(host: Host, nic: Nic) -> Finding:
    if nic.kind in UNFILTERED:
        return notapplicable(nic.subject, f"{nic.kind} reaches no bridge of the host", nic.cite(), state=nic.state)
    if nic.kind in UNSEEN or nic.interface.virtualport == "openvswitch":
        raise Unknown(f"what {nic.interface.virtualport or nic.kind} lets through cannot be seen from here")
    if nic.kind == "hostdev":
        return of_function(host, nic)
    if nic.kind == "direct":
        return of_macvtap(nic)
    if not nic.tap:
        raise Unknown("the guest's tap has no name here")
    return of_port(host, nic, nic.tap)


def of_port(host: Host, nic: Nic, tap: str) -> Finding:
    rules = refusal = None
    try:
        rules = host.get(PacketFilter)
    except Unknown as refused:
        refusal = refused
    port = port_of(host, tap)
    if port is not None and is_locked(port[0]):
        message = f"the port {tap} is locked to its own address and does not learn"
        return passed(nic.subject, message, port[1], nic.cite(), state=nic.state)
    if rules is None:
        raise refusal or Unknown("the packet filter was not read")
    verdicts = {name: rules.drops_frame(frame) for name, frame in frames(tap)}
    passing = [name for name, dropped in verdicts.items() if dropped is False]
    if passing:
        lost = lost_binding(host, nic, tap)
        if lost is not None:
            return lost
        message, evidence = message_for(rules, tap, passing, port), [nic.cite(), *rules.evidence]
        return failed(nic.subject, message, *fix(host, nic), evidence=evidence, state=nic.state)
    if None in verdicts.values():
        raise Unknown(rules.refusal or f"the rules about {tap} are more than is understood here", *rules.evidence)
    message = f"frames with a forged MAC from {tap} are dropped on arrival"
    return passed(nic.subject, message, nic.cite(), *rules.evidence, state=nic.state)


def frames(tap: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Frames with a forged source, by what a reader calls them."""
    types = {name: ETHER_TYPES[key] for name, key in INSIDE.items()} | {"other": OTHER}
    for name, number in types.items():
        frame = {"iifname": tap, "ether saddr": FORGED, "ether type": str(number), "protocol": str(number)}
        absent = {"arp sender mac": "", "arp sender ip": "", "ip saddr": "", "ip6 saddr": ""}
        yield name, frame | ({} if name != "other" else absent)
        for tag in ("8021q", "8021ad"):
            yield f"tagged {name}", frame | absent | {"ether type": str(ETHER_TYPES[tag])}


def lost_binding(host: Host, nic: Nic, tap: str) -> Finding | None:
    """What to say where libvirt believes that a filter against this is in force, and its rules are gone."""
    try:
        filters = host.get(NwFilters)
        binding = filters.bindings.get(tap)
        tree = None if binding is None else filters.tree(binding.filter)
    except (Absent, Unknown):
        return None
    if binding is None or tree is None or not stops_forged_macs(tree, ()):
        return None
    daemon = "virtnwfilterd" if host.get(Libvirt).modular else "libvirtd"
    change = by_hand(
        Document("unit", f"{daemon}.service"), f"systemctl reload {daemon}, which makes the rules again"
    )
    message = f"filter {binding.filter} is bound to {tap}, but its rules are not in force"
    return failed(nic.subject, message, change, evidence=[nic.cite(), binding.evidence], state=nic.state)


def message_for(
    rules: PacketFilter, tap: str, passing: list[str], port: tuple[Mapping[str, str], Evidence] | None
) -> str:
    first = {"iifname": tap, "ether saddr": FORGED, "ether type": str(ETHER_TYPES["arp"])}
    if rules.drops_later(first):
        return (
            f"frames with a forged MAC from {tap} are dropped in FORWARD, after the bridge has learned from them"
        )
    if port is not None and port[0].get("learning") == "off":
        return f"the port {tap} does not learn, but lets frames with a forged MAC through"
    if len(passing) == len(dict(frames(tap))):
        return f"frames with a forged MAC from {tap} are not dropped"
    return f"frames with a forged MAC from {tap} are not dropped if they are {', '.join(passing)}"


def port_of(host: Host, tap: str) -> tuple[Mapping[str, str], Evidence] | None:
    try:
        link = host.get(Links).get(tap)
    except (Absent, Unknown):
        return None
    return None if link is None else (link.port, link.evidence)


def is_locked(port: Mapping[str, str]) -> bool:
    """Whether a port takes frames from addresses entered by hand only."""
    return port.get("locked") == "on" and port.get("learning") == "off"


def of_macvtap(nic: Nic) -> Finding:
    message = (
        f"macvtap on {nic.parent or 'a card'} sends frames with any MAC, and no filter of libvirt's covers it"
    )
    steps = "Put the guest on a bridge with the filter no-mac-spoofing, or on a virtual function with spoof check"
    change = by_hand(Document("domain", nic.guest.name), steps)
    return failed(nic.subject, message, change, evidence=[nic.cite()], state=nic.state)


def of_function(host: Host, nic: Nic) -> Finding:
    for link in host.get(Links).links.values():
        for function in link.functions:
            if function.mac != nic.mac or function.checks_source is None:
                continue
            if function.checks_source:
                message = f"{link.name} checks the source addresses of this virtual function"
                return passed(nic.subject, message, link.evidence, nic.cite(), state=nic.state)
            steps = f"ip link set {link.name} vf NUMBER spoofchk on trust off"
            message = f"{link.name} lets this virtual function send with any MAC"
            change = by_hand(Document("domain", nic.guest.name), steps)
            return failed(nic.subject, message, change, evidence=[link.evidence, nic.cite()], state=nic.state)
    raise Unknown(f"no network card tells of a virtual function with {nic.mac}")


def fix(host: Host, nic: Nic) -> tuple[Change, ...]:
    """The filter in the guest's definition, where there is one that still has this interface."""
    document, path, name = Document("domain", nic.guest.name), nic.defined_at, nic.interface.filter
    if name is not None:
        try:
            return (*filter_first(host, "no-mac-spoofing"), checking_macs(host.get(NwFilters), name))
        except (Absent, Unknown):
            return (by_hand(Document("nwfilter", name), f"virsh nwfilter-edit {name}: refer to no-mac-spoofing"),)
    if path is not None:
        insert = InsertElement(path, "<filterref filter='no-mac-spoofing'/>")
        return (*filter_first(host, "no-mac-spoofing"), Change(document, insert, Safety.DISRUPTIVE))
    return (by_hand(document, f"virsh update-device {nic.guest.name}: add <filterref filter='no-mac-spoofing'/>"),)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("restrict-mac-spoofing", "verify-mac-spoofing-rule", "ethernet-bridges"),
    check=check,
)
