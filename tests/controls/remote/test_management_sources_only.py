"""The ports of management are closed to everybody but the networks that manage."""

from __future__ import annotations

import json

import pytest

from tests.kit import judge, made, results
from tests.nethost import IP, NFT, NO_RULES, ROUTE, Answer, bridge, link
from tests.remotehost import MONOLITHIC, SS, units
from virtwarden.controls.remote.management_sources_only import CONTROL, RULES, UNIT
from virtwarden.edits import Do, Replace, SetState
from virtwarden.facts.management_ports import strangers
from virtwarden.facts.policy import Network, Policy
from virtwarden.host import Absent, Host, Unknown

SITE = Policy(network=Network(management_sources=("192.0.2.0/24", "192.0.2.128/25", "2001:db8:7::/48")))
SSHD = 'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=7,fd=3))\n'
TLS = 'tcp LISTEN 0 128 *:16514 *:* users:(("libvirtd",pid=8,fd=3))\n'
VNC = 'tcp LISTEN 0 1 192.0.2.10:5901 0.0.0.0:* users:(("qemu-system-x86",pid=9,fd=3))\n'
LOCAL = 'tcp LISTEN 0 1 127.0.0.1:5902 0.0.0.0:* users:(("qemu-system-x86",pid=9,fd=3))\n'
WEB = 'tcp LISTEN 0 1 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=9,fd=3))\n'
ETH = link("eth0", more="inet 192.0.2.10/24 scope global eth0")
SAVE = ("iptables-save",)


def host(
    ss: str, nft: Answer = NO_RULES, policy: Policy = SITE, iptables: Answer | None = None, ip: str = ETH
) -> Host:
    commands: dict[tuple[str, ...], Answer] = {SS: ss, NFT: nft, IP: ip, ROUTE: ""}
    if iptables is not None:
        commands[SAVE] = iptables
    return made(MONOLITHIC, units({}), policy, commands=commands)


def dropping(ports: object, sources: object, family: str = "ip", before: tuple[object, ...] = ()) -> str:
    scope = {"family": "inet", "table": "own"}
    chain = {**scope, "name": "in", "hook": "input", "prio": -10, "policy": "accept", "type": "filter"}
    saddr = {"match": {"op": "!=", "left": {"payload": {"protocol": family, "field": "saddr"}}, "right": sources}}
    dport = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": ports}}
    rule = {**scope, "chain": "in", "handle": 2, "expr": [saddr, dport, *before, {"drop": None}]}
    return json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]})


SOURCES = {"set": [{"prefix": {"addr": "192.0.2.0", "len": 24}}]}


def test_a_host_without_rules_fails_with_a_table_of_its_own() -> None:
    (finding,) = judge(CONTROL, host(SSHD))
    assert (finding.subject.name, finding.message) == ("0.0.0.0:22", "sshd is open to every network: IPv4 by eth0")
    rules, unit, enabled = finding.fix
    assert (rules.document.name, enabled.document.name, enabled.edit) == (RULES, UNIT, SetState("enabled"))
    assert isinstance(unit.edit, Replace)
    assert isinstance(rules.edit, Replace)
    text = rules.edit.text or ""
    ports = "tcp dport { 22, 16509, 16514, 5900-5999 } drop"
    assert f"ip saddr != {{ 192.0.2.0/24 }} {ports}" in text
    assert f"ip6 saddr != {{ 2001:db8:7::/48 }} {ports}" in text


def test_a_family_that_manages_nothing_is_closed_whole() -> None:
    only = Policy(network=Network(management_sources=("192.0.2.0/24",)))
    rules = judge(CONTROL, host(TLS, policy=only))[0].fix[0].edit
    assert isinstance(rules, Replace)
    assert "meta nfproto ipv6 tcp dport" in (rules.text or "")


@pytest.mark.parametrize(
    ("ports", "result"),
    [({"set": [22, 16514]}, "pass"), (22, "pass"), ({"set": [{"range": [20, 30]}]}, "pass"), (23, "fail"),
     ({"range": [23, 30]}, "fail")],
)  # fmt: skip
def test_the_rules_in_force_decide(ports: object, result: str) -> None:
    assert results(CONTROL, host(SSHD, dropping(ports, SOURCES))) == [result]


def test_every_family_that_the_port_hears_counts() -> None:
    (finding,) = judge(CONTROL, host(TLS, dropping(16514, SOURCES)))
    assert finding.message.endswith("IPv6 by eth0")
    assert results(CONTROL, host(VNC, dropping(5901, SOURCES))) == ["pass"]


def test_a_rule_that_depends_on_more_is_unknown() -> None:
    limited = dropping(22, SOURCES, before=({"limit": {"rate": 5, "per": "second"}},))
    assert results(CONTROL, host(SSHD, limited)) == ["unknown"]
    assert results(CONTROL, host(SSHD, Unknown("not allowed"))) == ["unknown"]


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        ("-A INPUT -p tcp -m tcp --dport 22 ! -s 192.0.2.0/24 -j DROP", "pass"),
        ("-A INPUT -s 192.0.2.0/24 -p tcp -m multiport --dports 22,16514 -j ACCEPT\n-A INPUT -j REJECT", "pass"),
        ("-A INPUT -p tcp -m multiport --dports 20:30 -j REJECT", "pass"),
        ("-A INPUT -p udp --dport 22 -j DROP", "fail"),
        ("-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j DROP", "fail"),
    ],
)
def test_rules_of_the_older_tool_count(rule: str, result: str) -> None:
    saved = f"*filter\n:INPUT ACCEPT [0:0]\n{rule}\nCOMMIT\n"
    assert results(CONTROL, host(SSHD, Absent("nft is not installed"), iptables=saved)) == [result]


def test_without_nft_or_without_sources_a_person_is_told_how() -> None:
    saved = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
    (change,) = judge(CONTROL, host(SSHD, Absent("nft is not installed"), iptables=saved))[0].fix
    assert isinstance(change.edit, Do)
    assert "iptables -I INPUT -p tcp" in change.edit.steps
    (change,) = judge(CONTROL, host(SSHD, policy=Policy()))[0].fix
    assert isinstance(change.edit, Do)
    assert "network.management_sources" in change.edit.steps


def test_other_ports_and_what_is_local_do_not_count() -> None:
    assert results(CONTROL, host(LOCAL + WEB)) == ["notapplicable"]
    assert [f.subject.name for f in judge(CONTROL, host(SSHD + LOCAL + WEB + VNC))] == [
        "0.0.0.0:22",
        "192.0.2.10:5901",
    ]


def test_every_device_with_an_address_counts() -> None:
    inner = ETH + bridge("br7", addresses="inet 10.0.0.1/24 scope global br7")
    assert judge(CONTROL, host(SSHD, ip=inner))[0].message.endswith("IPv4 by br7, IPv4 by eth0")


def test_a_stranger_is_in_no_network_that_manages() -> None:
    assert strangers(()) == {"ip": "198.51.100.77", "ip6": "2001:db8:ffff:ffff::77"}
    assert strangers(("198.51.100.0/24", "2001:db8::/32")) == {"ip": "203.0.113.77", "ip6": "3fff:ffff::77"}
