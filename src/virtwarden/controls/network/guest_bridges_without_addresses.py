"""The host has no address on the bridges of its guests, not even a link-local one.

A bridge is an interface of the host. Unless told otherwise the kernel gives it an IPv6 link-local address as
soon as it is up and believes the routers that announce themselves on it, so every daemon of the host that
listens on any address can be reached by every guest, whatever subnets were planned for IPv4.

Judged: in force, the addresses of each bridge that guests are on, and whether the kernel may make one
(`disable_ipv6`, or `addr_gen_mode` 1 with `accept_ra` 0). On disk, the addresses that the network's files give
the bridge, and what these files or sysctl.d say of IPv6. The addresses that libvirt gives the bridge of its own
network by that network's definition are part of that network and left out.

Fix: `disable_ipv6 = 1` for the bridge in sysctl.d; the bridge goes on carrying the guests' own IPv6. An address
given by hand has to be moved by hand, since the host may be managed over it.

Proof: from a guest's side of the bridge, nothing answers at fe80::…%bridge nor at the host's addresses.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.bridges import DROP_IN, configured, device_key, file_of, in_force
from virtwarden.facts.kernel import Sysctls
from virtwarden.facts.links import Link, Links
from virtwarden.facts.netfiles import NetFiles
from virtwarden.facts.networks import Network, Networks
from virtwarden.facts.nics import Nics
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    owned = {n.bridge: n for n in host.get(Networks).on_disk.values() if n.owns_bridge}
    bridges = nics.bridges()
    if not bridges:
        nics.complete()
        yield notapplicable(HOST, "no guest is on a bridge of the host")
    for bridge in bridges:
        try:
            yield from now(host, bridge, owned.get(bridge))
        except Unknown as refused:
            yield unknown(Subject("bridge", bridge), str(refused), *refused.evidence, state=State.IN_FORCE)
        if bridge not in owned:
            try:
                yield from at_boot(host, bridge)
            except Unknown as refused:
                yield unknown(Subject("bridge", bridge), str(refused), *refused.evidence, state=State.ON_DISK)
    nics.complete()


def now(host: Host, bridge: str, network: Network | None) -> Iterator[Finding]:
    link = host.get(Links).get(bridge)
    subject, state = Subject("bridge", bridge), State.IN_FORCE
    if link is None:
        yield notapplicable(subject, f"{bridge} is not up", state=state)
        return
    meant = () if network is None else network.addresses
    extra = [address for address in link.addresses if address.ip not in meant]
    inner = [address for address in extra if address.ip.is_link_local and meant and is_v6(meant)]
    extra = [address for address in extra if address not in inner]
    if extra:
        listed = ", ".join(str(address.ip) for address in extra)
        local = all(address.ip.is_link_local for address in extra)
        fix = (quiet(bridge),) if local else (move(bridge),)
        yield failed(subject, f"the host has {listed} on {bridge}", *fix, evidence=[link.evidence], state=state)
        return
    yield may_come(host.get(Sysctls), link, subject, is_v6(meant))


def is_v6(addresses: tuple[object, ...]) -> bool:
    """Whether a network is meant to have IPv6."""
    return any(":" in str(address) for address in addresses)


def may_come(sysctls: Sysctls, link: Link, subject: Subject, meant: bool) -> Finding:
    """Whether the kernel may give a bridge that has none an IPv6 address by itself."""
    values = list(in_force(sysctls, "ipv6", link.name, "disable_ipv6", "addr_gen_mode", "accept_ra"))
    said = {value.evidence.text.rpartition(" = ")[0].rpartition(".")[2]: value.value for value in values}
    evidence = [link.evidence, *(value.evidence for value in values)]
    off = said.get("disable_ipv6") == "1" or (said.get("addr_gen_mode") == "1" and said.get("accept_ra") == "0")
    if off or meant or not values:
        return passed(
            subject, f"the host has no address of its own on {link.name}", *evidence, state=State.IN_FORCE
        )
    message = f"the kernel gives {link.name} an IPv6 address as soon as it has a carrier"
    return failed(subject, message, quiet(link.name), evidence=evidence, state=State.IN_FORCE)


def at_boot(host: Host, bridge: str) -> Iterator[Finding]:
    files = host.get(NetFiles)
    device = files.devices.get(bridge)
    subject, state = Subject("bridge", bridge), State.ON_DISK
    if device is not None and device.addresses:
        given = device.addresses[0]
        message = f"the host's files give {bridge} an address: {given.value}"
        yield failed(subject, message, move(bridge, device.path), evidence=[given.evidence], state=state)
        return
    if device is None:
        yield unknown(subject, str(files.missing(bridge)), *files.unread[:1], state=state)
    if device is not None and "no-ipv6" in device.settings:
        evidence = device.settings["no-ipv6"].evidence
        yield passed(subject, f"the host's files keep {bridge} without addresses", evidence, state=state)
        return
    off = configured(host.get(Sysctls), "ipv6", bridge, "disable_ipv6")
    if off is not None and off.value == "1":
        yield passed(subject, f"IPv6 is off on {bridge} at boot", off.evidence, state=state)
        return
    read = [off.evidence] if off is not None else [device.evidence] if device is not None else []
    if read:
        own = host.get(Sysctls).configured(device_key("ipv6", bridge, "disable_ipv6"))
        message = f"nothing keeps {bridge} from an IPv6 link-local address at boot"
        yield failed(subject, message, quiet(bridge, file_of(own)), evidence=read, state=state)


def quiet(bridge: str, path: str = DROP_IN) -> Change:
    return file_change(path, SetLine(device_key("ipv6", bridge, "disable_ipv6"), "1"))


def move(bridge: str, path: str | None = None) -> Change:
    steps = (
        f"From the host's console: take the address off {bridge}, give it to a device that no guest is on, and "
        f"set {device_key('ipv6', bridge, 'disable_ipv6')} = 1 in {DROP_IN}"
    )
    return by_hand(Document("file", path or DROP_IN), steps)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("host-network-isolation", "share-port-with-bridge", "configure-vlans"),
    check=check,
)
