"""The host is managed over a device that no guest uses.

Whoever shares a wire with the management address of the host can speak to its daemons, answer ARP in its name
and listen to what is not encrypted. A subnet of its own for the guests, which is all the usual advice asks for,
is no wall: a guest picks its own address. What counts is the device below: a bridge, a macvtap parent or the
untagged side of a trunk that guests are on belongs to them.

Judged: the devices of the default routes (or `network.management_interface` of the policy), against the
bridges and macvtap parents of all guests and everything these stand on; on disk the devices that get an
address at boot. A VLAN of its own on the guests' network card is separate; the untagged card is not.

Fix: move the host's address to another card or to a VLAN that no guest bridge carries, from a console, since
the connection breaks on the way.

Proof: a frame sent from a guest's bridge to the management address is not answered.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.links import Links
from virtwarden.facts.netdialects import NetDevice
from virtwarden.facts.netfiles import NetFiles
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.policy import Policy
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    used = guest_devices(nics)
    if not used:
        nics.complete()
        yield notapplicable(HOST, "no guest is on a bridge or card of the host")
        return
    wanted = host.get(Policy).network.management_interface
    try:
        yield from in_force(host.get(Links), used, wanted)
    except Unknown as refused:
        yield unknown(HOST, str(refused), *refused.evidence, state=State.IN_FORCE)
    yield from on_disk(host.get(NetFiles), used, wanted)
    nics.complete()


def guest_devices(nics: Nics) -> dict[str, Nic]:
    """The bridges and cards that guests are attached to."""
    direct = {nic.parent: nic for nic in nics.nics if nic.kind == "direct" and nic.parent}
    return direct | nics.bridges()


def in_force(links: Links, used: dict[str, Nic], wanted: str | None) -> Iterator[Finding]:
    managing = dict(links.uplinks)
    if wanted is not None:
        link = links.get(wanted)
        managing = {} if link is None else {wanted: link.evidence}
    if not managing:
        why = f"there is no device {wanted}" if wanted else "no route tells by which device the host is managed"
        yield unknown(HOST, why, state=State.IN_FORCE)
    shared = {device: name for name in used for device in (name, *links.below(name))}
    for device, evidence in managing.items():
        yield judged(device, shared.get(device), used, evidence, State.IN_FORCE)


def on_disk(files: NetFiles, used: dict[str, Nic], wanted: str | None) -> Iterator[Finding]:
    shared = {device: name for name in used for device in (name, *below(files, name))}
    addressed = [d for d in files.devices.values() if d.addresses and d.name != "lo"]
    managing = [device for device in addressed if wanted in (None, device.name)]
    for device in managing:
        yield judged(device.name, shared.get(device.name), used, device.addresses[0].evidence, State.ON_DISK)
    if not managing:
        yield unknown(HOST, str(files.missing(wanted or "a device with an address")), state=State.ON_DISK)


def below(files: NetFiles, bridge: str) -> set[str]:
    """The ports of a bridge and the devices that they stand on."""
    ports: tuple[NetDevice, ...] = files.ports(bridge)
    return {port.name for port in ports} | {port.value("parent") for port in ports} - {""}


def judged(device: str, shared: str | None, used: dict[str, Nic], evidence: Evidence, state: State) -> Finding:
    subject = Subject("device", device)
    if shared is None:
        return passed(subject, f"the host's device {device} carries no guest", evidence, state=state)
    nic = used[shared]
    through = "" if shared == device else f" below {shared}"
    message = f"the host's device {device} is shared with guest {nic.guest.name}{through}"
    return failed(subject, message, move(device), evidence=[evidence, nic.cite()], state=state)


def move(device: str) -> Change:
    steps = (
        f"From the host's console: give the host's address to a card or VLAN other than {device}, and leave "
        f"{device} without one; then reconnect and check that guests cannot reach the new address"
    )
    return by_hand(Document("file", f"/sys/class/net/{device}"), steps)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("host-network-isolation", "network-isolation-options"),
    check=check,
)
