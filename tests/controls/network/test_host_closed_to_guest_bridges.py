"""Packets from guest bridges to the host are dropped."""

import json

from tests.kit import guests, judge, results
from tests.nethost import IP, NFT, Answer, bridge, nethost
from virtwarden.controls.network.host_closed_to_guest_bridges import CONTROL, RULES, UNIT
from virtwarden.edits import Do, Replace, SetState
from virtwarden.host import Unknown

NAT = "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/></network>"


def dropping(family: str, *names: str, before: tuple[object, ...] = ()) -> str:
    """A table that drops all input from these bridges; `before` stands before that rule's verdict."""
    scope = {"family": family, "table": "own"}
    chain = {**scope, "name": "in", "hook": "input", "prio": -10, "policy": "accept", "type": "filter"}
    left = {"meta": {"key": "iifname"}}
    match = {"match": {"op": "==", "left": left, "right": {"set": list(names)}}}
    rule = {**scope, "chain": "in", "handle": 2, "expr": [match, *before, {"drop": None}]}
    return json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]})


def test_a_host_that_drops_everything_passes() -> None:
    assert results(CONTROL, nethost(commands={NFT: dropping("inet", "br0", "br1")})) == ["pass"]


def test_a_host_without_rules_fails_with_a_table_of_its_own() -> None:
    (finding,) = judge(CONTROL, nethost())
    assert finding.message == "IPv4 and IPv6 from br0 can reach the host"
    rules, unit, enabled = finding.fix
    assert (rules.document.name, enabled.document.name, enabled.edit) == (RULES, UNIT, SetState("enabled"))
    assert isinstance(rules.edit, Replace)
    assert 'iifname { "br0" } drop' in (rules.edit.text or "")
    assert isinstance(unit.edit, Replace)
    assert f"nft -f {RULES}" in (unit.edit.text or "")


def test_one_family_is_not_enough() -> None:
    (finding,) = judge(CONTROL, nethost(commands={NFT: dropping("ip", "br0")}))
    assert finding.message == "IPv6 from br0 can reach the host"


def test_a_bridge_with_the_hosts_address_is_not_closed_by_machine() -> None:
    shared = bridge("br0", addresses="inet 192.0.2.5/24 scope global br0")
    answers: tuple[Answer, ...] = (shared, (1, "refused"))
    for answer in answers:
        (finding,) = judge(CONTROL, nethost(commands={IP: answer}))
        assert isinstance(finding.fix[0].edit, Do)


def test_a_refused_packet_filter_is_unknown() -> None:
    assert results(CONTROL, nethost(commands={NFT: Unknown("not allowed")})) == ["unknown"]


def test_rules_that_depend_on_more_are_unknown() -> None:
    limited = dropping("inet", "br0", before=({"limit": {"rate": 5, "per": "second"}},))
    assert results(CONTROL, nethost(commands={NFT: limited})) == ["unknown"]


def test_connections_that_exist_already_are_let_in() -> None:
    state = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new", "invalid"]}}
    assert results(CONTROL, nethost(commands={NFT: dropping("inet", "br0", before=(state,))})) == ["pass"]


def test_libvirts_own_bridges_and_hosts_without_guests_are_left_out() -> None:
    on_nat = "<interface type='network'><source network='default'/></interface>"
    host = nethost(devices=on_nat, files={"/etc/libvirt/qemu/networks/default.xml": NAT})
    assert results(CONTROL, host) == ["notapplicable"]
    assert results(CONTROL, nethost(guests())) == ["notapplicable"]
