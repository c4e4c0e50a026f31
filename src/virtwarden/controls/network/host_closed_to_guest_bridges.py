"""Packets from guest bridges to the host are dropped.

A bridge without an address does not shut the guests out. Linux is a weak host: it answers ARP for any of its
addresses on any interface and hands the packet to the daemon that listens there, so a guest that sends to the
management address through the bridge is served. `arp_ignore` and `rp_filter` narrow this and do not close it:
a static neighbour entry and a source from elsewhere get through. Only a filter on the bridge's input does.

Judged: the packet filter in force, for IPv4 and IPv6, against a packet that comes in by each bridge of guests;
every way through the rules has to end in a drop. The bridges of libvirt's own networks, on which the host
serves DHCP and DNS, are left out.

Fix: a table of our own that drops all input from these bridges, loaded at boot. For a bridge on which the host
itself has an address, that address has to go first.

Proof: UDP and ICMP from the guests' side to the management address, with a static neighbour entry, do not
arrive.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetState
from virtwarden.facts.links import Links
from virtwarden.facts.networks import Networks
from virtwarden.facts.nics import Nics
from virtwarden.facts.packets import PacketFilter
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

RULES = "/etc/virt-warden/separation.nft"
UNIT = "virt-warden-separation.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"

FAMILIES = {"ip": "IPv4", "ip6": "IPv6"}

UNIT_TEXT = f"""\
[Unit]
Description=Packets from guest bridges do not reach the host
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target
After=local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {RULES}
ExecStop=/usr/sbin/nft delete table inet virtwarden_separation

[Install]
WantedBy=sysinit.target
"""


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    served = {network.bridge for network in host.get(Networks).on_disk.values() if network.owns_bridge}
    bridges = [bridge for bridge in nics.bridges() if bridge not in served]
    if not bridges:
        nics.complete()
        yield notapplicable(HOST, "no guest is on a bridge of the host besides those of libvirt's own networks")
        return
    yield from judged(host, bridges)
    nics.complete()


def judged(host: Host, bridges: list[str]) -> Iterator[Finding]:
    rules = host.get(PacketFilter)
    links = known(host)
    bare = tuple(bridge for bridge in bridges if not has_address(links, bridge))
    for bridge in bridges:
        subject = Subject("bridge", bridge)
        verdicts = [
            rules.drops_packet(family, "input", {"iifname": bridge, "ct state": "new"}) for family in FAMILIES
        ]
        open_to = [name for name, dropped in zip(FAMILIES.values(), verdicts, strict=True) if dropped is False]
        if open_to:
            message = f"{' and '.join(open_to)} from {bridge} can reach the host"
            fix = closing(bare) if bridge in bare else (by_hand(Document("file", RULES), address_first(bridge)),)
            yield failed(subject, message, *fix, evidence=rules.evidence, state=State.IN_FORCE)
        elif None in verdicts:
            message = rules.refusal or f"the rules for what comes in by {bridge} are more than is understood here"
            yield unknown(subject, message, *rules.evidence, state=State.IN_FORCE)
        else:
            message = f"everything that comes in by {bridge} is dropped"
            yield passed(subject, message, *rules.evidence, state=State.IN_FORCE)


def known(host: Host) -> Links | None:
    try:
        return host.get(Links)
    except (Absent, Unknown):
        return None


def has_address(links: Links | None, bridge: str) -> bool:
    """Whether the host may have an address of its own on a bridge; link-local ones are not its own doing."""
    link = None if links is None else links.get(bridge)
    return link is None or any(not address.ip.is_link_local for address in link.addresses)


def closing(bridges: tuple[str, ...]) -> tuple[Change, ...]:
    names = ", ".join(f'"{bridge}"' for bridge in bridges)
    table = (
        "table inet virtwarden_separation {\n"
        "    chain from_guests {\n"
        "        type filter hook input priority -10; policy accept;\n"
        f"        iifname {{ {names} }} drop\n"
        "    }\n}\n"
    )
    return (
        file_change(
            RULES, Replace(f"table inet virtwarden_separation\ndelete table inet virtwarden_separation\n{table}")
        ),
        file_change(UNIT_FILE, Replace(UNIT_TEXT)),
        Change(Document("unit", UNIT), SetState("enabled"), Safety.SAFE),
    )


def address_first(bridge: str) -> str:
    return (
        f"Move the host's address away from {bridge} first; then drop what comes in by it: "
        f"nft add rule inet virtwarden_separation from_guests iifname {bridge} drop"
    )


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("host-network-isolation", "network-isolation-options"),
    check=check,
)
