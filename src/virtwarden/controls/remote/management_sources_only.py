"""The ports of management are closed to everybody but the networks that manage.

A certificate, a key or a password keeps strangers out of the session; before it, they talk to sshd, to libvirt's TLS
library and to QEMU's display code, and each of these has had its holes. Who cannot reach the port cannot try. Only a
packet filter tells the administrators' network from all the others.

Judged: the packet filter in force, against a new connection from every network outside `network.management_sources`
that its rules tell apart, by each device of the host that has an address, to every port of SSH, of libvirt, of consoles
and of migration on which something listens beyond this host. Every way through the rules has to end in a drop. As long
as the policy names no networks that manage, an address of nobody's stands for all, and SSH is left out: it is open to
all of them on most hosts, and only the site knows better. On disk, where the fix was made: that its table is still what
the policy wants, and is loaded at boot.

Fix: a table of our own in nft that drops what comes to these ports from elsewhere than the policy's
`network.management_sources`. It stands beside firewalld, ufw and iptables, which stay as they are: a packet has to pass
all of them. Where nftables.service loads the host's rules, its file includes the table; elsewhere a unit of its own
loads it. Connections that are open stay. Hosts from which guests are migrated here have to be among these networks.

Proof: `virt-warden prove remote HOST` on a machine of a foreign network reaches no port, from the management network it
does.
"""

from collections.abc import Sequence
from ipaddress import collapse_addresses, ip_network

from virtwarden.control import Control, Findings
from virtwarden.edits import AddLine, Replace, SetState
from virtwarden.facts.links import Links
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.management_ports import SSH, ManagementPorts, unread
from virtwarden.facts.openings import Span
from virtwarden.facts.packets import PacketFilter
from virtwarden.facts.policy import Policy
from virtwarden.facts.strangers import Stranger, TooMany, strangers
from virtwarden.facts.units import Units
from virtwarden.formats.packetrules import TCP_FLAGS
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, iptables_steps, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

RULES = "/etc/virt-warden/management.nft"
UNIT = "virt-warden-management.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
TABLE = "inet virtwarden_management"
FAMILIES = {"ip": "IPv4", "ip6": "IPv6"}
VERSIONS = {"ip": 4, "ip6": 6}
LOADER = "nftables.service"
LOADED = ("/etc/sysconfig/nftables.conf", "/etc/nftables.conf")
INCLUDE = f'include "{RULES}"'

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
ExecReload=/usr/sbin/nft -f {RULES}
ExecStop=-/usr/sbin/nft delete table {TABLE}

[Install]
WantedBy=sysinit.target
"""


def check(host: Host) -> Findings:
    ports = host.get(ManagementPorts)
    if ports.listeners:
        yield from _in_force(host, ports)
    else:
        evidence = host.get(Listeners).evidence
        yield notapplicable(HOST, "no port of management is open to others", evidence, state=State.IN_FORCE)
    for refused in unread(host):
        message = f"whether other ports are of management: {refused}"
        yield unknown(HOST, message, *refused.evidence, state=State.IN_FORCE)
    yield from _on_disk(host, ports)


def _in_force(host: Host, ports: ManagementPorts) -> Findings:
    rules = host.get(PacketFilter)
    links = host.get(Links).links.values()
    devices = [
        link.name for link in links if link.name != "lo" and any(not a.ip.is_link_local for a in link.addresses)
    ]
    try:
        foreign = {family: _strangers(host, family) for family in FAMILIES}
    except TooMany:
        message = "the rules name more networks than are looked at here"
        yield unknown(HOST, message, *rules.evidence, state=State.IN_FORCE)
        return
    fix = _fix(host, ports, nft=rules.nft is not None)
    for listener in ports.listeners:
        yield _judged(host, listener, devices, foreign, fix)


def _strangers(host: Host, family: str) -> list[Stranger]:
    """Those that the rules tell apart; where the policy names no networks, one of which they do not speak."""
    sources = host.get(Policy).network.management_sources
    named, dropped = host.get(PacketFilter).sources_named(f"{family} saddr")
    if not sources:
        named, dropped = frozenset(), named | dropped
    return strangers(VERSIONS[family], sources, named, dropped)


def _judged(
    host: Host, listener: Listener, devices: list[str], foreign: dict[str, list[Stranger]], fix: tuple[Change, ...]
) -> Finding:
    rules, subject = host.get(PacketFilter), Subject("port", listener.where)
    evidence = (listener.evidence, *rules.evidence)
    known = {} if rules.redirects else {"ct status": "none"}
    verdicts = {
        (device, family, each): rules.drops_packet(
            family, "input", {**_packet(listener.port, device, family, each.address), **known}
        )
        for device in devices
        for family in FAMILIES
        for each in (foreign[family] if _hears(listener, family) else ())
    }
    open_to = [each for each, dropped in verdicts.items() if dropped is False]
    if open_to and _is_left_to_the_site(host, listener):
        message = "the policy names no networks from which the host is managed (network.management_sources)"
        return notapplicable(subject, message, *evidence, state=State.IN_FORCE)
    if open_to:
        message = f"{listener.holder} is open to {_told(open_to)}"
        return failed(subject, message, *fix, evidence=evidence, state=State.IN_FORCE)
    if None in verdicts.values():
        message = rules.refusal or "the rules for this port are more than is understood here"
        return unknown(subject, message, *evidence, state=State.IN_FORCE)
    return passed(subject, "foreign networks do not reach it", *evidence, state=State.IN_FORCE)


def _told(open_to: list[tuple[str, str, Stranger]]) -> str:
    """Who may come, and how; who is one of all networks is not told besides."""
    others = [each for each in open_to if not each[2].network]
    shown = others or open_to
    networks = sorted({each.network for _, _, each in shown})
    whom = "every network" if others else ", ".join(networks[:5]) + (", …" if len(networks) > 5 else "")
    return f"{whom}: {', '.join(sorted({f'{FAMILIES[family]} by {device}' for device, family, _ in shown}))}"


def _is_left_to_the_site(host: Host, listener: Listener) -> bool:
    """Whether it is SSH's port, and nobody said who may use it."""
    is_ssh = listener.port == SSH or "sshd" in listener.programs
    return is_ssh and not host.get(Policy).network.management_sources


def _hears(listener: Listener, family: str) -> bool:
    """Whether packets of a family can come to what listens."""
    if listener.address in ("*", "::"):
        return True
    return (":" in listener.address) is (family == "ip6")


def _packet(port: int, device: str, family: str, address: str) -> dict[str, str]:
    """A new connection from there, as far as it is known."""
    other = "ip" if family == "ip6" else "ip6"
    return {
        "iifname": device, "ct state": "new", "l4proto": "tcp", TCP_FLAGS: "syn", "tcp dport": str(port),
        "udp dport": "", "nfproto": "ipv6" if family == "ip6" else "ipv4",
        f"{family} saddr": address, f"{other} saddr": "",
    }  # fmt: skip


def _fix(host: Host, ports: ManagementPorts, *, nft: bool) -> tuple[Change, ...]:
    sources = host.get(Policy).network.management_sources
    document = Document("file", RULES)
    if not sources:
        steps = "name the networks that manage the host as network.management_sources in the policy"
        return (by_hand(document, steps),)
    if not nft:
        both = (iptables_steps(program, ports.spans, sources) for program in ("iptables", "ip6tables"))
        return (by_hand(document, f"{'; '.join(both)}; then save the rules, so that they are loaded at boot"),)
    loading = _loading(host)
    table = Replace(table_of(sources, ports.spans))
    return (file_change(RULES, table, Safety.DISRUPTIVE), *loading)


def _loading(host: Host) -> tuple[Change, ...]:
    """What loads the table at boot."""
    included = _including(host)
    if included is not None:
        return (file_change(included, AddLine(INCLUDE), Safety.DISRUPTIVE),)
    if not _has_systemd(host):
        return (by_hand(Document("file", RULES), f"run nft -f {RULES} at every boot, before the network is up"),)
    return (
        file_change(UNIT_FILE, Replace(UNIT_TEXT)),
        Change(Document("unit", UNIT), SetState("enabled"), Safety.DISRUPTIVE),
    )


def _including(host: Host) -> str | None:
    """The file from which nftables.service loads all rules; None where it does not. It drops all tables first, so that
    one that it does not load would be lost when it is reloaded."""
    if host.get(Units).enabled(LOADER) is None:
        return None
    for path in LOADED:
        try:
            host.source.stat(path)
        except Absent:
            continue
        return path
    return None


def _has_systemd(host: Host) -> bool:
    """Whether systemd runs on this host; where that cannot be told it is taken to."""
    try:
        host.source.stat("/run/systemd/system")
    except Absent:
        return False
    except Unknown:
        pass
    return True


def _on_disk(host: Host, ports: ManagementPorts) -> Findings:
    """Whether the table, where there is one, is what the policy wants now, and comes back after a boot."""
    sources = host.get(Policy).network.management_sources
    try:
        text = host.source.read(RULES)
    except (Absent, Unknown):
        return
    subject, whole = Subject("file", RULES), text.cite(text="the table for the ports of management")
    fix = _fix(host, ports, nft=True)
    if not sources or text.text != table_of(sources, ports.spans):
        message = "is not what the policy wants by now: other networks, or other ports"
        yield failed(subject, message, *fix, evidence=[whole], state=State.ON_DISK)
    elif not _is_loaded(host):
        yield failed(subject, "nothing loads it at boot", *fix, evidence=[whole], state=State.ON_DISK)
    else:
        yield passed(subject, "is what the policy wants, and is loaded at boot", whole, state=State.ON_DISK)


def _is_loaded(host: Host) -> bool:
    included = _including(host)
    if included is None:
        return host.get(Units).enabled(UNIT) is not None
    return INCLUDE in (line.strip() for line in host.source.read(included).lines)


FIRST = "tcp flags & (fin | syn | rst | ack) == syn"
"""What only the first packet of a connection is. The kernel may not have tracked those that are open, and would take
their next packet for a new one."""


def table_of(sources: tuple[str, ...], spans: Sequence[Span]) -> str:
    """What nft is to load: nobody else than these networks begins a connection to these ports."""
    named = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in spans)
    lines = [_drop(named, version, _of_family(sources, version)) for version in (4, 6)]
    body = "\n".join(f"        {line}" for line in ('iifname "lo" accept', *lines))
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
        return f"meta nfproto ipv{version} tcp dport {{ {ports} }} {FIRST} drop"
    return f"{'ip' if version == 4 else 'ip6'} saddr != {{ {', '.join(sources)} }} tcp dport {{ {ports} }} {FIRST} drop"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("tls-step-6-firewall", "vnc-firewall", "spice-firewall", "sasl-firewall"),
    check=check,
)
