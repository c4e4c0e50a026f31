"""No two network interfaces have the same MAC address.

Two machines with one address on a bridge get each other's traffic in turns: the bridge sends frames to the port
that spoke last. A copied guest that kept its address, or one that was given another's on purpose, listens to
what is meant for the first.

Judged: the addresses of all guests, running or not, on disk and in force, with those that running guests have
changed to (`currentAddress`); those of the host's own cards and bridges; and the reservations of libvirt's
networks, of which no two may name one address. A host's end of a tap, which begins with fe, is not a duplicate.

Fix: take `<mac>` out of the copy, so that libvirt makes a new address, and start the guest anew; inside it the
old address may be written into its own network files.

Proof: none; the addresses speak for themselves.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.links import Links
from virtwarden.facts.networks import Networks
from virtwarden.facts.nics import Nic, Nics
from virtwarden.formats.packetrules import plain_mac
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Safety, Severity, State, Subject

REAL_KINDS = ("", "bridge", "bond", "team")


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    if not nics.nics:
        nics.complete()
        yield notapplicable(HOST, "no guest has a network interface")
    holders: dict[str, list[Nic]] = {}
    for nic in nics.nics:
        for mac in dict.fromkeys((nic.mac, plain_mac(nic.interface.current_address or ""))):
            if mac:
                holders.setdefault(mac, []).append(nic)
    own = host_macs(host)
    for nic in nics.nics:
        if nic.mac:
            yield judged(nic, holders, own)
    if nics.liveness is not None:
        yield unknown(HOST, f"which guests run: {nics.liveness}", state=State.IN_FORCE)
    yield from reservations(host)
    nics.complete()


def host_macs(host: Host) -> dict[str, tuple[str, Evidence]]:
    """The addresses of the host's own devices; none where they could not be read."""
    try:
        links = host.get(Links).links.values()
    except (Absent, Unknown):
        return {}
    return {link.mac: (link.name, link.evidence) for link in links if link.kind in REAL_KINDS}


def judged(nic: Nic, holders: dict[str, list[Nic]], own: dict[str, tuple[str, Evidence]]) -> Finding:
    other = next((other for other in holders[nic.mac] if is_other(nic, other)), None)
    if other is not None:
        message = f"{nic.mac} is also an address of guest {other.guest.name}"
        return failed(nic.subject, message, *renewed(nic), evidence=[nic.cite(), other.cite()], state=nic.state)
    device, evidence = own.get(nic.mac, ("", nic.cite()))
    if device and nic.kind not in ("direct", "hostdev"):
        message = f"{nic.mac} is also the address of the host's {device}"
        return failed(nic.subject, message, *renewed(nic), evidence=[nic.cite(), evidence], state=nic.state)
    return passed(nic.subject, f"no other interface has {nic.mac}", nic.cite(), state=nic.state)


def is_other(nic: Nic, other: Nic) -> bool:
    """Whether two holders of an address are two interfaces, not one in its two states."""
    if nic.guest.name != other.guest.name:
        return True
    return nic.state is other.state and nic.position != other.position


def renewed(nic: Nic) -> tuple[Change, ...]:
    document = Document("domain", nic.guest.name)
    if nic.defined_at is not None:
        return (Change(document, RemoveElement(f"{nic.defined_at}/mac"), Safety.DISRUPTIVE),)
    return (by_hand(document, f"Stop {nic.guest.name} and start it with an address of its own"),)


def reservations(host: Host) -> Iterator[Finding]:
    """Addresses that a network reserves twice."""
    try:
        networks = host.get(Networks)
    except (Absent, Unknown) as refused:
        yield unknown(HOST, str(refused), *refused.evidence)
        return
    for network in networks.on_disk.values():
        seen: dict[str, Evidence] = {}
        for reservation in network.reservations:
            here = network.cite(reservation.line)
            if reservation.mac in seen:
                steps = f"virsh net-edit {network.name}: leave one reservation for {reservation.mac}"
                change = by_hand(Document("network", network.name), steps)
                message = f"the network reserves two addresses for {reservation.mac}"
                subject = Subject("network", network.name)
                yield failed(subject, message, change, evidence=[here, seen[reservation.mac]], state=State.ON_DISK)
            seen[reservation.mac] = here


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("ethernet-bridges", "attach-guests-to-bridge"),
    check=check,
)
