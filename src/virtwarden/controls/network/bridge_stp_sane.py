"""Spanning tree on guest bridges is either off or safe from guests.

With STP on, the bridge listens to the protocol's frames on every port, those of guests too: a guest that claims
to be the root has the network rebuilt around it. No packet filter sees these frames, since the kernel takes
them before the bridge's hooks. And STP=yes with DELAY=0, which the blueprint writes, is refused by the kernel:
with STP on it takes no forward delay below two seconds.

Judged: in force, for each bridge with STP on, that every port of a guest has its guard on; libvirt's own
bridges, which have no port to the outside, count as safe. On disk, STP together with the delay.

Fix: STP off with a delay of 0 on a bridge without loops, or a delay of at least 2; the bridge has to be made
anew. A guard for ports that come and go with their guests has to be set at each start.

Proof: a BPDU from a guest's port changes no root, and with the guard closes the port.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.links import Link, Links
from virtwarden.facts.netdialects import NetDevice
from virtwarden.facts.netfiles import NetFiles
from virtwarden.facts.nics import Nics
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

LEAST_DELAY = 2
TAPS = ("tun", "veth")
KEYS = {"ifcfg": ("STP", "DELAY", "no", "="), "wicked": ("BRIDGE_STP", "BRIDGE_FORWARDDELAY", "'off'", "=")}


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    bridges = nics.bridges()
    if not bridges:
        nics.complete()
        yield notapplicable(HOST, "no guest is on a bridge of the host")
        return
    for bridge in bridges:
        try:
            yield from now(host.get(Links), bridge)
        except Unknown as refused:
            yield unknown(Subject("bridge", bridge), str(refused), *refused.evidence, state=State.IN_FORCE)
    files = host.get(NetFiles)
    for device in files.devices.values():
        if device.is_bridge:
            yield at_boot(device)
    for evidence in files.unread:
        yield unknown(HOST, evidence.text, evidence, state=State.ON_DISK)
    nics.complete()


def now(links: Links, bridge: str) -> Iterator[Finding]:
    link = links.get(bridge)
    subject, state = Subject("bridge", bridge), State.IN_FORCE
    if link is None or link.kind == "openvswitch":
        return
    if "stp_state" not in link.options:
        yield unknown(subject, f"ip does not say whether {bridge} has STP on", link.evidence, state=state)
        return
    ports = links.ports(bridge)
    if link.options["stp_state"] == "0":
        yield passed(subject, f"STP is off on {bridge}", link.evidence, state=state)
    elif all(is_tap(port) for port in ports):
        yield passed(subject, f"{bridge} has no port to the outside", link.evidence, state=state)
    elif open_ports := [port for port in ports if is_tap(port) and port.port.get("guard") != "on"]:
        names = ", ".join(port.name for port in open_ports)
        steps = "; ".join(f"bridge link set dev {port.name} guard on" for port in open_ports)
        evidence = [link.evidence, *(port.evidence for port in open_ports)]
        change = by_hand(Document("file", f"/sys/class/net/{bridge}"), steps)
        yield failed(subject, f"{bridge} heeds STP from guests on {names}", change, evidence=evidence, state=state)
    else:
        yield passed(subject, f"{bridge} heeds no STP from guests", link.evidence, state=state)


def is_tap(port: Link) -> bool:
    """Whether a guest may be behind a port; the oldest kernels do not say of what kind it is."""
    return port.kind in TAPS or (not port.kind and port.name.startswith("vnet"))


def at_boot(device: NetDevice) -> Finding:
    subject, state = Subject("bridge", device.name), State.ON_DISK
    stp = device.settings.get("stp")
    delay = device.settings.get("delay")
    if stp is None or not stp.is_on:
        evidence = device.evidence if stp is None else stp.evidence
        return passed(subject, f"STP is off on {device.name}", evidence, state=state)
    seconds = number(device.value("delay"))
    if delay is None or seconds is None or seconds >= LEAST_DELAY:
        return passed(subject, f"STP is on with a delay of {seconds or 15:g} s", stp.evidence, state=state)
    message = f"STP is on with a delay of {seconds:g} s, which the kernel refuses"
    return failed(subject, message, fix(device), evidence=[stp.evidence, delay.evidence], state=state)


def number(text: str) -> float | None:
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        return None


def fix(device: NetDevice) -> Change:
    if device.dialect in KEYS:
        stp, _, off, separator = KEYS[device.dialect]
        return file_change(device.path, SetLine(stp, off, separator), Safety.DISRUPTIVE)
    return by_hand(Document("file", device.path), f"Turn STP off for {device.name}, or set a delay of 2 to 30 s")


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("configure-vlans",),
    check=check,
)
