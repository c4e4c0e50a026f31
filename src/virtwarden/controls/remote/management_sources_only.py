"""The ports of management are closed to everybody but the networks that manage.

A certificate, a key or a password keeps strangers out of the session; before it, they talk to sshd, to libvirt's TLS
library and to QEMU's display code, and each of these has had its holes. Who cannot reach the port cannot try. Only a
packet filter tells the administrators' network from all the others.

Judged: the packet filter in force, against a new connection from a foreign address, by each device of the host that
has an address, to every port of SSH, of libvirt and of consoles on which something listens beyond this host. Every way
through the rules has to end in a drop.

Fix: a table of our own in nft, loaded at boot, that drops what comes to these ports from elsewhere than the policy's
`network.management_sources`. It stands beside firewalld, ufw and iptables, which stay as they are: a packet has to pass
all of them. Connections that are open stay.

Proof: from a foreign network the ports do not answer, from the management network they do.
"""

from ipaddress import collapse_addresses, ip_network

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetState
from virtwarden.facts.links import Links
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.management_ports import FIRST_DISPLAY, ManagementPorts, strangers
from virtwarden.facts.packets import PacketFilter
from virtwarden.facts.policy import Policy
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

RULES = "/etc/virt-warden/management.nft"
UNIT = "virt-warden-management.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
TABLE = "inet virtwarden_management"
FAMILIES = {"ip": "IPv4", "ip6": "IPv6"}

UNIT_TEXT = f"""\
[Unit]
Description=Ports of management are closed to foreign networks
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target
After=local-fs.target nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {RULES}
ExecStop=/usr/sbin/nft delete table {TABLE}

[Install]
WantedBy=sysinit.target
"""


def check(host: Host) -> Findings:
    ports, rules = host.get(ManagementPorts), host.get(PacketFilter)
    links = host.get(Links).links.values()
    devices = [
        link.name for link in links if link.name != "lo" and any(not a.ip.is_link_local for a in link.addresses)
    ]
    fix = _fix(host.get(Policy), ports, nft=rules.nft is not None)
    for listener in ports.listeners:
        yield _judged(host, listener, devices, fix)
    if not ports.listeners:
        evidence = host.get(Listeners).evidence
        yield notapplicable(HOST, "no port of management is open to others", evidence, state=State.IN_FORCE)


def _judged(host: Host, listener: Listener, devices: list[str], fix: tuple[Change, ...]) -> Finding:
    rules, subject = host.get(PacketFilter), Subject("port", listener.where)
    evidence = (listener.evidence, *rules.evidence)
    verdicts = {
        (device, family): rules.drops_packet(family, "input", _packet(listener.port, device, family, address))
        for device in devices
        for family, address in strangers(host.get(Policy).network.management_sources).items()
        if _hears(listener, family)
    }
    open_to = [each for each, dropped in verdicts.items() if dropped is False]
    if open_to:
        names = ", ".join(sorted({f"{FAMILIES[family]} by {device}" for device, family in open_to}))
        message = f"{listener.holder} is open to every network: {names}"
        return failed(subject, message, *fix, evidence=evidence, state=State.IN_FORCE)
    if None in verdicts.values():
        message = rules.refusal or "the rules for this port are more than is understood here"
        return unknown(subject, message, *evidence, state=State.IN_FORCE)
    return passed(subject, "foreign networks do not reach it", *evidence, state=State.IN_FORCE)


def _hears(listener: Listener, family: str) -> bool:
    """Whether packets of a family can come to what listens."""
    if listener.address in ("*", "::"):
        return True
    return (":" in listener.address) is (family == "ip6")


def _packet(port: int, device: str, family: str, address: str) -> dict[str, str]:
    """A new connection from there, as far as it is known."""
    other = "ip" if family == "ip6" else "ip6"
    return {
        "iifname": device, "ct state": "new", "l4proto": "tcp", "tcp dport": str(port), "udp dport": "",
        "nfproto": "ipv6" if family == "ip6" else "ipv4", f"{family} saddr": address, f"{other} saddr": "",
    }  # fmt: skip


def _fix(policy: Policy, ports: ManagementPorts, *, nft: bool) -> tuple[Change, ...]:
    sources = policy.network.management_sources
    document = Document("file", RULES)
    if not sources:
        return (
            by_hand(
                document, "name the networks that manage the host as network.management_sources in the policy"
            ),
        )
    last = policy.console.last_port
    if not nft:
        named = ",".join((*map(str, ports.ports), f"{FIRST_DISPLAY}:{last}"))
        steps = (
            f"iptables -I INPUT -p tcp -m multiport --dports {named} ! -s SOURCE -j DROP, for {', '.join(sources)}"
        )
        return (by_hand(document, steps),)
    return (
        file_change(RULES, Replace(_table(sources, ports.ports, last)), Safety.DISRUPTIVE),
        file_change(UNIT_FILE, Replace(UNIT_TEXT)),
        Change(Document("unit", UNIT), SetState("enabled"), Safety.DISRUPTIVE),
    )


def _table(sources: tuple[str, ...], ports: tuple[int, ...], last: int) -> str:
    named = ", ".join((*map(str, ports), f"{FIRST_DISPLAY}-{last}"))
    lines = [_drop(named, version, _of_family(sources, version)) for version in (4, 6)]
    body = "\n".join(
        f"        {line}" for line in ('iifname "lo" accept', "ct state established,related accept", *lines)
    )
    return (
        f"table {TABLE}\ndelete table {TABLE}\n"
        f"table {TABLE} {{\n    chain from_elsewhere {{\n"
        f"        type filter hook input priority -10; policy accept;\n{body}\n    }}\n}}\n"
    )


def _of_family(sources: tuple[str, ...], version: int) -> list[str]:
    """The networks of one family, none within another, which nft would refuse."""
    networks = [each for each in map(ip_network, sources) if each.version == version]
    return [str(each) for each in collapse_addresses(networks)]  # type: ignore[type-var]  # all of one family


def _drop(ports: str, version: int, sources: list[str]) -> str:
    """The rule for one family; where none of its networks manages the host, nobody comes by it."""
    if not sources:
        return f"meta nfproto ipv{version} tcp dport {{ {ports} }} drop"
    return f"{'ip' if version == 4 else 'ip6'} saddr != {{ {', '.join(sources)} }} tcp dport {{ {ports} }} drop"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("tls-step-6-firewall", "vnc-firewall", "spice-firewall", "sasl-firewall"),
    check=check,
)
