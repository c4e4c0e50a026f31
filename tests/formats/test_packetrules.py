"""Packet filter rules as values, and what they decide about a packet of which only some things are known."""

import pytest

from virtwarden.formats.packetrules import Chain, Condition, Rule, Ruleset, plain_mac

TAP = {"iifname": "web0"}
BRIDGE = ("bridge",)


def is_from(*names: str, negated: bool = False) -> Condition:
    return Condition(("iifname",), tuple((name,) for name in names), negated)


def has_mac(mac: str, *, negated: bool = False) -> Condition:
    return Condition(("ether saddr",), ((mac,),), negated)


def base(*rules: Rule, policy: str = "accept", hook: str = "prerouting", device: str = "") -> Chain:
    return Chain("bridge", "nat", "PREROUTING", hook, -300, policy, device, rules)


def named(name: str, *rules: Rule, policy: str = "return") -> Chain:
    return Chain("bridge", "nat", name, policy=policy, rules=rules)


def rule(verdict: str, *conditions: Condition, target: str = "") -> Rule:
    return Rule(conditions, verdict, target)


def decided(packet: dict[str, str], *chains: Chain) -> bool | None:
    return Ruleset(chains).drops(BRIDGE, "prerouting", packet)


def test_the_first_rule_that_matches_decides() -> None:
    chain = base(rule("accept", has_mac("52:54:00:00:00:01")), rule("drop"))
    assert decided({"ether saddr": "52:54:00:00:00:01"}, chain) is False
    assert decided({"ether saddr": "52:54:00:00:00:02"}, chain) is True


def test_what_is_not_known_of_the_packet_may_or_may_not_match() -> None:
    assert decided({}, base(rule("drop", has_mac("52:54:00:00:00:01")))) is None
    assert decided({}, base(rule("drop", has_mac("52:54:00:00:00:01")), rule("drop"))) is True


def test_a_condition_that_is_not_understood_is_never_sure() -> None:
    assert decided(TAP, base(rule("drop", Condition()))) is None
    assert decided(TAP, base(rule("accept", Condition()), rule("drop"))) is None


def test_a_field_that_the_packet_lacks_matches_neither_way() -> None:
    without = {"arp sender ip": ""}
    address = Condition(("arp sender ip",), (("192.0.2.1",),))
    other = Condition(("arp sender ip",), (("192.0.2.1",),), negated=True)
    assert decided(without, base(rule("drop", address), rule("drop", other))) is False


def test_several_fields_are_compared_together() -> None:
    own = Condition(("iifname", "ether saddr"), (("web0", "52:54:00:00:00:01"),), negated=True)
    chain = base(rule("drop", own))
    assert decided({"iifname": "web0", "ether saddr": "52:54:00:00:00:01"}, chain) is False
    assert decided({"iifname": "web0", "ether saddr": "52:54:00:00:00:02"}, chain) is True
    assert decided({"iifname": "web0"}, chain) is None
    assert decided({"iifname": "db0"}, chain) is True


def test_a_jump_comes_back_and_a_goto_does_not() -> None:
    inner = named("own", rule("return", has_mac("52:54:00:00:00:01")), rule("drop"))
    honest, forged = {**TAP, "ether saddr": "52:54:00:00:00:01"}, {**TAP, "ether saddr": "52:54:00:00:00:02"}
    jumping = base(rule("jump", is_from("web0"), target="own"))
    assert (decided(honest, jumping, inner), decided(forged, jumping, inner)) == (False, True)
    going = base(rule("goto", target="own"), rule("drop"))
    assert decided(honest, going, inner) is False
    assert decided(honest, base(rule("jump", target="own"), rule("drop")), inner) is True


def test_the_policy_decides_what_no_rule_does() -> None:
    assert decided(TAP, base(policy="drop")) is True
    assert decided(TAP, base(rule("return"), policy="drop")) is True
    assert decided(TAP, base(rule("jump", target="user")), named("user", policy="accept")) is False


def test_another_chain_at_the_hook_may_still_drop_what_one_accepts() -> None:
    second = Chain("bridge", "own", "pre", "prerouting", 0, "accept", "", (rule("drop"),))
    assert decided(TAP, base(rule("accept")), second) is True


def test_a_chain_of_one_device_is_for_that_device() -> None:
    chain = base(rule("drop"), device="web0")
    assert decided(TAP, chain) is True
    assert decided({"iifname": "db0"}, chain) is False


def test_a_missing_target_and_a_circle_are_not_sure() -> None:
    assert decided(TAP, base(rule("jump", target="gone"))) is None
    assert decided(TAP, base(rule("jump", target="loop")), named("loop", rule("jump", target="loop"))) is None


def test_rules_that_go_on_decide_nothing() -> None:
    assert decided(TAP, base(rule("continue"), rule("drop"))) is True


def test_rules_of_other_devices_are_passed_over_in_order() -> None:
    rules = [rule("drop", is_from(f"vnet{number}")) for number in range(300)]
    chain = base(*rules, rule("accept", is_from("vnet3", negated=True)), rule("drop"))
    assert decided({"iifname": "vnet7"}, chain) is True
    assert decided({"iifname": "vnet900"}, chain) is False
    assert len(list(chain.rules_for({"iifname": "vnet7"}))) == 3


@pytest.mark.parametrize(
    ("field", "wanted", "known", "matches"),
    [
        ("iifname", "vnet*", "vnet7", True),
        ("iifname", "vnet+", "eth0", False),
        ("ether saddr", "52:54:00:00:00:00/ff:ff:ff:00:00:00", "52:54:00:12:34:01", True),
        ("ether saddr", "01:00:00:00:00:00/01:00:00:00:00:00", "52:54:00:12:34:01", False),
        ("ip saddr", "192.0.2.0/24", "192.0.2.7", True),
        ("ip saddr", "192.0.2.0/24", "198.51.100.7", False),
        ("ip saddr", "nonsense/24", "198.51.100.7", False),
    ],
)
def test_patterns_masks_and_prefixes(field: str, wanted: str, known: str, matches: bool) -> None:
    assert decided({field: known}, base(rule("drop", Condition((field,), ((wanted,),))))) is matches


def test_macs_have_one_spelling() -> None:
    assert plain_mac("52:54:0:5B:1A:CD") == "52:54:00:5b:1a:cd"
    assert plain_mac("web0") == "web0"


@pytest.mark.parametrize(
    ("port", "holds"), [("5899", False), ("5900", True), ("5999", True), ("6000", False), ("", False)]
)
def test_a_span_of_numbers_holds_what_lies_in_it(port: str, holds: bool) -> None:
    assert Condition(("tcp dport",), (("5900-5999",),)).holds({"tcp dport": port}) is holds


def test_a_span_of_a_port_that_is_not_known_cannot_be_told() -> None:
    assert Condition(("tcp dport",), (("5900-5999",),)).holds({}) is None
