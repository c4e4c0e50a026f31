"""The ports of management are closed to everybody but the networks that manage."""

from __future__ import annotations

import json

import pytest

from tests.kit import judge, made, results
from tests.nethost import IP, NFT, NO_RULES, ROUTE, Answer, bridge, link
from tests.remotehost import MONOLITHIC, SS, units
from virtwarden.controls.remote.management_sources_only import CONTROL, RULES, UNIT
from virtwarden.edits import AddLine, Do, Replace, SetState
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
    ss: str,
    nft: Answer = NO_RULES,
    policy: Policy = SITE,
    *,
    iptables: Answer | None = None,
    ip: str = ETH,
    enabled: dict[str, str] | None = None,
    more: dict[str, str] | None = None,
) -> Host:
    commands: dict[tuple[str, ...], Answer] = {SS: ss, NFT: nft, IP: ip, ROUTE: ""}
    if iptables is not None:
        commands[SAVE] = iptables
    files: dict[str, str | bytes | Unknown | Absent] = {"/run/systemd/system/x": "", **(more or {})}
    return made(MONOLITHIC, units(enabled or {}), policy, files=files, commands=commands)


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
    first = "tcp flags & (fin | syn | rst | ack) == syn"
    ports = f"tcp dport {{ 22, 5900-5999, 16509, 16514, 49152-49215 }} {first} drop"
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
    assert "ip6tables -I INPUT -s 2001:db8:7::/48 -p tcp" in change.edit.steps
    assert change.edit.steps.index("-j DROP") < change.edit.steps.index("-j ACCEPT")  # each goes before the last
    (change,) = judge(CONTROL, host(TLS, policy=Policy()))[0].fix
    assert isinstance(change.edit, Do)
    assert "network.management_sources" in change.edit.steps


def test_without_sources_ssh_is_not_held_to_any_and_libvirt_and_consoles_are() -> None:
    found = judge(CONTROL, host(SSHD + TLS + VNC, policy=Policy()))
    assert [finding.result for finding in found] == ["notapplicable", "fail", "fail"]
    assert "network.management_sources" in found[0].message
    only = json.dumps({"nftables": []})
    assert results(CONTROL, host(SSHD.replace(":22 ", ":2222 "), only, policy=Policy())) == ["notapplicable"]


def test_other_ports_and_what_is_local_do_not_count() -> None:
    assert results(CONTROL, host(LOCAL + WEB)) == ["notapplicable"]
    assert [f.subject.name for f in judge(CONTROL, host(SSHD + LOCAL + WEB + VNC))] == [
        "0.0.0.0:22",
        "192.0.2.10:5901",
    ]


def test_every_device_with_an_address_counts() -> None:
    inner = ETH + bridge("br7", addresses="inet 10.0.0.1/24 scope global br7")
    assert judge(CONTROL, host(SSHD, ip=inner))[0].message.endswith("IPv4 by br7, IPv4 by eth0")


ACCEPTING = """\
*filter
:INPUT ACCEPT [0:0]
-A INPUT -s {source} -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -j DROP
COMMIT
"""


@pytest.mark.parametrize(
    ("source", "policy", "result"),
    [
        ("192.0.2.0/24", SITE, "pass"),
        ("192.0.2.64/26", SITE, "pass"),
        ("10.0.0.0/8", SITE, "fail"),
        ("192.0.0.0/16", SITE, "fail"),
        ("10.0.0.0/8", Policy(), "pass"),
    ],
)
def test_a_network_that_does_not_manage_may_not_come(source: str, policy: Policy, result: str) -> None:
    saved = ACCEPTING.format(source=source)
    (finding,) = judge(CONTROL, host(SSHD, policy=policy, iptables=saved))
    assert finding.result == result
    assert result != "fail" or finding.message == f"sshd is open to {source}: IPv4 by eth0"


def test_sources_that_leave_no_address_for_documents_leave_strangers() -> None:
    sources = ("198.51.100.0/24", "203.0.113.0/24")
    assert results(CONTROL, host(SSHD, policy=Policy(network=Network(management_sources=sources)))) == ["fail"]


def test_rules_of_iptables_that_nft_cannot_spell_count() -> None:
    vague = {"xt": {"type": "match", "name": "multiport"}}
    scope = {"family": "ip", "table": "filter"}
    chain = {**scope, "name": "INPUT", "hook": "input", "prio": 0, "policy": "drop", "type": "filter"}
    rule = {**scope, "chain": "INPUT", "handle": 2, "expr": [vague, {"accept": None}]}
    told = json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]})
    head = "# Generated by iptables-save v1.8.9 (nf_tables) on Mon Nov 30 20:08:00 2026\n"
    for port, result in ((22, "fail"), (23, "pass")):
        saved = f"*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m multiport --dports {port} -j ACCEPT\nCOMMIT\n"
        assert results(CONTROL, host(SSHD, told, iptables=head + saved)) == [result]


def test_where_nftables_service_loads_the_rules_it_loads_the_table() -> None:
    files = {"/etc/nftables.conf": "flush ruleset\n"}
    (finding,) = judge(CONTROL, host(SSHD, enabled={"nftables.service": "enabled"}, more=files))
    rules, loading = finding.fix
    assert (rules.document.name, loading.document.name) == (RULES, "/etc/nftables.conf")
    assert loading.edit == AddLine(f'include "{RULES}"')


def test_without_systemd_a_person_sees_to_it_that_the_table_is_loaded() -> None:
    bare = made(MONOLITHIC, units({}), SITE, commands={SS: SSHD, NFT: NO_RULES, IP: ETH, ROUTE: ""})
    edit = judge(CONTROL, bare)[0].fix[-1].edit
    assert isinstance(edit, Do)
    assert f"nft -f {RULES}" in edit.steps


def test_the_table_on_disk_is_what_the_policy_wants_by_now() -> None:
    table = judge(CONTROL, host(SSHD))[0].fix[0].edit
    assert isinstance(table, Replace)
    text = table.text or ""
    closed = dropping(22, SOURCES)
    on = {UNIT: "enabled"}
    assert results(CONTROL, host(SSHD, closed, more={RULES: text}, enabled=on)) == ["pass", "pass"]
    assert results(CONTROL, host(SSHD, closed, more={RULES: text})) == ["pass", "fail"]
    elsewhere = Policy(network=Network(management_sources=("192.0.2.0/24",)))
    (_, stale) = judge(CONTROL, host(SSHD, closed, elsewhere, more={RULES: text}, enabled=on))
    assert (stale.result, stale.subject.name) == ("fail", RULES)
    assert isinstance(stale.fix[0].edit, Replace)
    loaded = {RULES: text, "/etc/nftables.conf": f'include "{RULES}"\n'}
    for more, result in ((loaded, "pass"), ({**loaded, "/etc/nftables.conf": ""}, "fail")):
        there = host(SSHD, closed, more=more, enabled={"nftables.service": "enabled", **on})
        assert results(CONTROL, there) == ["pass", result]


def test_ports_that_an_unread_file_may_name_are_unknown() -> None:
    """Whoever may not read qemu.conf does not know where migrations arrive; the other ports are judged all the same."""
    told = judge(CONTROL, made(
        MONOLITHIC, units({}), SITE,
        files={"/run/systemd/system/x": "", "/etc/libvirt/qemu.conf": Unknown("permission denied")},
        commands={SS: SSHD, NFT: NO_RULES, IP: ETH, ROUTE: ""},
    ))  # fmt: skip
    assert [finding.result for finding in told] == ["fail", "unknown"]
    assert told[1].message == "whether other ports are of management: permission denied"
