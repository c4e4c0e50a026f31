"""Hosts with bridges, taps and network filters for tests, in the words of the programs that tell of them."""

from __future__ import annotations

from collections.abc import Mapping

from tests.kit import guest, guests, made
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Absent, Fact, Host, Unknown

IP = ("ip", "-d", "address")
ROUTE = ("ip", "route", "show", "table", "all")
NFT = ("nft", "-j", "list", "ruleset")
EBTABLES = ("ebtables-save",)
SYSCTL = ("sysctl", "-a")

Answer = str | tuple[int, str] | Unknown | Absent

NO_RULES = '{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]}'
LIBVIRT = Libvirt(frozenset({"libvirtd"}), modular=False)


def link(name: str, *, master: str = "", mac: str = "52:54:00:aa:00:01", details: str = "", more: str = "") -> str:
    """One device as `ip -d address` prints it; `details` is the line of its kind, `more` further lines."""
    rest = f" master {master}" if master else ""
    lines = [
        f"7: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue{rest} state UP group default",
        f"    link/ether {mac} brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 ",
        *(f"    {line}" for line in (details, *more.splitlines()) if line),
    ]
    return "\n".join(lines) + "\n"


def bridge(name: str, *, stp: int = 0, filtering: int = 0, nf: int = 0, addresses: str = "") -> str:
    """A bridge with its addresses, a line each (`inet 192.0.2.1/24 scope global br0`)."""
    details = (
        f"bridge forward_delay 1500 hello_time 200 stp_state {stp} priority 32768 vlan_filtering {filtering} "
        f"bridge_id 8000.52:54:0:aa:0:1 nf_call_iptables {nf} nf_call_ip6tables {nf} nf_call_arptables 0"
    )
    return link(name, details=details, more=addresses)


def tap(name: str, master: str, *, learning: str = "on", locked: str = "off", guard: str = "off") -> str:
    """A guest's tap as a port of a bridge."""
    port = (
        f"bridge_slave state forwarding priority 32 cost 2 hairpin off guard {guard} learning {learning} flood on "
        f"isolated off locked {locked} "
    )
    details = "tun type tap pi off vnet_hdr on persist off "
    return link(name, master=master, mac="fe:54:00:12:34:01", details=details, more=port)


def vlan(name: str, number: int, *, master: str = "") -> str:
    """A VLAN device, `eth0.19@eth0`."""
    return link(name, master=master, details=f"vlan protocol 802.1Q id {number} <REORDER_HDR> numtxqueues 1")


BRIDGED = (
    "<interface type='bridge'><mac address='52:54:00:12:34:01'/><source bridge='br0'/>"
    "<target dev='web0'/></interface>"
)


def filtered(name: str, parameters: str = "") -> str:
    """A bridged interface with a filter."""
    return BRIDGED.replace("</interface>", f"<filterref filter='{name}'>{parameters}</filterref></interface>")


def nethost(
    *known: Fact,
    devices: str = BRIDGED,
    running: bool = True,
    links: str = "",
    files: Mapping[str, str | bytes | Unknown | Absent] | None = None,
    commands: Mapping[tuple[str, ...], Answer] | None = None,
) -> Host:
    """A host with one guest, `web`, these links and files; no packet filter rules, no sysctls unless given."""
    answers: dict[tuple[str, ...], Answer] = {IP: links or (bridge("br0") + tap("web0", "br0"))}
    answers |= {
        ROUTE: "default via 192.0.2.1 dev eth0 \n",
        NFT: NO_RULES,
        EBTABLES: "",
        SYSCTL: "kernel.osrelease = 6.1.0",
    }
    answers |= commands or {}
    here = [LIBVIRT, *known]
    if not any(type(fact).__name__ == "Guests" for fact in known):
        here.append(guests(guest(devices, running=running)))
    return made(*here, files=files or {}, commands=answers)
