"""A guest bridge carries one VLAN, and never the raw trunk.

Guests on one bridge are in one network. A bridge with devices of two VLANs joins the two, whatever the switch
was told. A bridge on the untagged card below VLAN devices hands the trunk itself to the guests: each may put
any VLAN's tag on its frames and the switch takes it for the host's.

Judged: in force and on disk, the ports of each bridge that guests are on: VLAN devices of one id at most, no
device that other VLANs stand on unless the bridge filters VLANs itself, and the id that the policy
(`network.vlans`) names for the bridge, if it names one.

Fix: one bridge for each VLAN device, made by hand in the host's network files from a console.

Proof: a broadcast from a guest in one VLAN does not arrive in another, nor does a frame with another's tag.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from virtwarden.control import Control, Findings
from virtwarden.facts.links import Links
from virtwarden.facts.netfiles import NetFiles
from virtwarden.facts.nics import Nics
from virtwarden.facts.policy import Policy
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Finding, Severity, State, Subject


@dataclass(frozen=True, slots=True)
class Uplinks:
    """What leads out of a bridge: ports by VLAN id, and ports that VLANs stand on."""

    bridge: str
    state: State
    vlans: Mapping[int, tuple[str, Evidence]]
    trunks: tuple[tuple[str, Evidence], ...]
    evidence: Evidence


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    bridges = nics.bridges()
    wanted = host.get(Policy).network.vlans
    if not bridges:
        nics.complete()
        yield notapplicable(HOST, "no guest is on a bridge of the host")
        return
    for bridge in bridges:
        for state, look in ((State.IN_FORCE, in_force), (State.ON_DISK, on_disk)):
            subject = Subject("bridge", bridge)
            try:
                uplinks = look(host, bridge)
            except Unknown as refused:
                yield unknown(subject, str(refused), *refused.evidence, state=state)
                continue
            if uplinks is not None:
                yield judged(subject, uplinks, wanted.get(bridge))
    nics.complete()


def in_force(host: Host, bridge: str) -> Uplinks | None:
    links = host.get(Links)
    link = links.get(bridge)
    if link is None:
        return None
    filters = link.options.get("vlan_filtering") == "1"
    carrying = {other.lower for other in links.links.values() if other.kind == "vlan"}
    ports = links.ports(bridge)
    vlans = {port.vlan: (port.name, port.evidence) for port in ports if port.vlan is not None}
    trunks = tuple((port.name, port.evidence) for port in ports if port.name in carrying and not filters)
    return Uplinks(bridge, State.IN_FORCE, vlans, trunks, link.evidence)


def on_disk(host: Host, bridge: str) -> Uplinks | None:
    files = host.get(NetFiles)
    device = files.devices.get(bridge)
    if device is None:
        if bridge.startswith("virbr"):
            return None
        raise files.missing(bridge)
    carrying = {other.value("parent") for other in files.devices.values() if other.vlan is not None}
    ports = files.ports(bridge)
    vlans = {port.vlan: (port.name, port.evidence) for port in ports if port.vlan is not None}
    trunks = tuple((port.name, port.evidence) for port in ports if port.name in carrying)
    return Uplinks(bridge, State.ON_DISK, vlans, trunks, device.evidence)


def judged(subject: Subject, uplinks: Uplinks, wanted: int | None) -> Finding:
    wrong, evidence = fault(uplinks, wanted)
    if wrong:
        steps = f"From the host's console: give {uplinks.bridge} one VLAN device as its only port to the outside"
        change = by_hand(Document("file", uplinks.evidence.path or f"/sys/class/net/{uplinks.bridge}"), steps)
        return failed(subject, wrong, change, evidence=[uplinks.evidence, *evidence], state=uplinks.state)
    if not uplinks.vlans:
        message = f"{uplinks.bridge} carries no VLAN"
        return notapplicable(subject, message, uplinks.evidence, state=uplinks.state)
    (number,) = uplinks.vlans
    message = f"{uplinks.bridge} carries VLAN {number} alone"
    return passed(subject, message, uplinks.vlans[number][1], state=uplinks.state)


def fault(uplinks: Uplinks, wanted: int | None) -> tuple[str, list[Evidence]]:
    """What is wrong with a bridge's uplinks, and where it was read; an empty text where nothing is."""
    if uplinks.trunks:
        name, evidence = uplinks.trunks[0]
        return f"{uplinks.bridge} has {name} as a port, on which VLANs stand: guests may use any tag", [evidence]
    if len(uplinks.vlans) > 1:
        listed = " and ".join(str(number) for number in sorted(uplinks.vlans))
        return f"{uplinks.bridge} joins VLANs {listed}", [evidence for _, evidence in uplinks.vlans.values()]
    if wanted is not None and wanted not in uplinks.vlans:
        carried = ", ".join(str(number) for number in uplinks.vlans) or "none"
        return f"{uplinks.bridge} is to carry VLAN {wanted} and carries {carried}", []
    return "", []


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("share-port-with-vlans", "virtual-lans", "configure-vlans", "vlan-switch-trunk"),
    check=check,
)
