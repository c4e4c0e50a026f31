"""What `nft -j list ruleset` prints, as far as it decides whether a packet passes."""

import json

import pytest

from virtwarden.formats import Malformed
from virtwarden.formats.nftables import parse
from virtwarden.formats.packetrules import Packet

OWN, FORGED = "52:54:00:5b:1a:cd", "52:54:00:99:99:99"
ARP, VLAN, PROVIDER = "2054", "33024", "34984"

Json = dict[str, object]


def match(left: object, right: object, op: str = "==") -> Json:
    return {"match": {"op": op, "left": left, "right": right}}


def meta(key: str) -> Json:
    return {"meta": {"key": key}}


def payload(protocol: str, field: str) -> Json:
    return {"payload": {"protocol": protocol, "field": field}}


IIF, SADDR, TYPE = meta("iifname"), payload("ether", "saddr"), payload("ether", "type")
DROP: Json = {"drop": None}
COUNTER: Json = {"counter": {"packets": 0, "bytes": 0}}


def ruleset(*rules: list[Json], extra: list[Json] | None = None, hook: str = "prerouting", **chain: object) -> str:
    """A bridge table with one base chain and these rules."""
    scope = {"family": "bridge", "table": "own"}
    head = {**scope, "name": "pre", "handle": 1, "type": "filter", "hook": hook, "prio": -300, "policy": "accept"}
    listed: list[Json] = [{"rule": {**scope, "chain": "pre", "handle": 4, "expr": expr}} for expr in rules]
    entries: list[Json] = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "bridge", "name": "own", "handle": 3}},
        *(extra or []),
        {"chain": {**head, **chain}},
        *listed,
    ]
    return json.dumps({"nftables": entries})


def drops(text: str, packet: Packet, hook: str = "prerouting") -> bool | None:
    return parse(text).drops(("bridge", "netdev"), hook, packet)


@pytest.mark.parametrize(
    ("flags", "dropped"),
    [
        ("dormant", False), (["owner", "dormant"], False), ("owner", True), (["owner", "persist"], True),
        ("own", None), (None, True),
    ],
)  # fmt: skip
def test_a_table_that_sleeps_drops_nothing(flags: object, dropped: bool | None) -> None:
    """nft 1.0.6 prints the table's name in place of the flag."""
    table: Json = {
        "table": {"family": "bridge", "name": "own", "handle": 3, **({"flags": flags} if flags else {})}
    }
    assert drops(ruleset([DROP], extra=[table]), {"iifname": "web0"}) is dropped


def test_a_chain_for_several_devices_is_for_them_alone() -> None:
    several = ruleset([DROP], hook="ingress", dev=["web0", "db0"])
    assert [drops(several, {"iifname": name}, "ingress") for name in ("web0", "db0", "app0")] == [
        True,
        True,
        False,
    ]
    assert drops(ruleset([DROP], hook="ingress"), {"iifname": "web0"}, "ingress") is None


GUESTS: Json = {"set": {"family": "bridge", "name": "guests", "table": "own", "elem": ["web0", "db0"]}}
ALLOWED: Json = {
    "set": {
        "family": "bridge", "name": "allowed", "table": "own", "type": ["ifname", "ether_addr"],
        "elem": [{"concat": ["web0", OWN]}, {"elem": {"val": {"concat": ["db0", FORGED]}, "timeout": 5}}],
    }
}  # fmt: skip
SEPARATED = ruleset(
    [match(IIF, "@guests"), match({"concat": [IIF, SADDR]}, "@allowed", "!="), COUNTER, DROP],
    [match(IIF, "@guests"), match(TYPE, {"set": ["8021q", "8021ad"]}), DROP],
    extra=[GUESTS, ALLOWED],
)


def test_sets_of_ports_and_their_addresses() -> None:
    assert drops(SEPARATED, {"iifname": "web0", "ether saddr": FORGED, "ether type": ARP}) is True
    assert drops(SEPARATED, {"iifname": "web0", "ether saddr": OWN, "ether type": ARP}) is False
    assert drops(SEPARATED, {"iifname": "db0", "ether saddr": FORGED, "ether type": ARP}) is False
    assert drops(SEPARATED, {"iifname": "mail0", "ether saddr": FORGED, "ether type": ARP}) is False


def test_tags_in_a_set_of_types() -> None:
    for kind in (VLAN, PROVIDER):
        assert drops(SEPARATED, {"iifname": "web0", "ether saddr": OWN, "ether type": kind}) is True


def test_the_protocol_behind_a_tag_differs_from_the_frames_type() -> None:
    tagged = {"iifname": "web0", "ether type": VLAN, "protocol": ARP}
    assert drops(ruleset([match(TYPE, "arp"), DROP]), tagged) is False
    assert drops(ruleset([match(meta("protocol"), "arp"), DROP]), tagged) is True


def test_verdict_maps_lead_to_the_chain_of_a_port() -> None:
    chain: Json = {"chain": {"family": "bridge", "table": "own", "name": "n-web0", "handle": 9}}
    inner: Json = {"rule": {"family": "bridge", "table": "own", "chain": "n-web0", "handle": 10, "expr": [DROP]}}
    elements = [["web0", {"jump": {"target": "n-web0"}}], ["db0", {"accept": None}]]
    stored: Json = {"map": {"family": "bridge", "name": "vmap-iif", "table": "own", "elem": elements}}
    for data, extra in (("@vmap-iif", [chain, inner, stored]), ({"set": elements}, [chain, inner])):
        text = ruleset([{"vmap": {"key": IIF, "data": data}}], extra=extra)
        assert drops(text, {"iifname": "web0"}) is True
        assert drops(text, {"iifname": "db0"}) is False
    assert drops(ruleset([{"vmap": {"key": {"mark": 1}, "data": {"set": elements}}}]), {"iifname": "db0"}) is None
    assert drops(ruleset([{"vmap": {"key": IIF, "data": "@gone"}}]), {"iifname": "db0"}) is False


@pytest.mark.parametrize(
    "unclear",
    [
        {"xt": {"type": "match", "name": "ip"}},
        {"limit": {"rate": 5, "per": "second"}},
        match(IIF, "@gone"),
        match(IIF, {"range": ["a", "b"]}),
        match({"&": [SADDR, "ff:ff:ff:00:00:00"]}, OWN),
        match(IIF, "web0", "<"),
        match(IIF, True),
        match({"concat": [IIF, {"mark": 1}]}, {"concat": ["web0", 1]}),
        match({"concat": [IIF, SADDR]}, {"concat": ["web0", {"range": []}]}),
    ],
)
def test_what_is_not_understood_is_not_sure(unclear: Json) -> None:
    assert drops(ruleset([unclear, DROP]), {"iifname": "web0", "ether saddr": OWN}) is None


def test_verdicts_besides_drop() -> None:
    packet = {"iifname": "web0"}
    assert drops(ruleset([{"accept": None}], [DROP]), packet) is False
    assert drops(ruleset([{"reject": {"type": "icmp"}}]), packet) is True
    assert drops(ruleset([{"queue": {"num": 0}}]), packet) is None
    assert drops(ruleset([{"xt": {"type": "target", "name": "REJECT"}}]), packet) is None
    assert drops(ruleset([{"jump": {"target": "gone"}}]), packet) is None


def test_prefixes_ports_of_one_device_and_policies() -> None:
    source = match(payload("ip", "saddr"), {"prefix": {"addr": "192.0.2.0", "len": 24}})
    assert drops(ruleset([source, DROP]), {"ip saddr": "192.0.2.9"}) is True
    ingress = ruleset([DROP], hook="ingress", dev="web0")
    assert drops(ingress, {"iifname": "web0"}, "ingress") is True
    assert drops(ingress, {"iifname": "db0"}, "ingress") is False
    assert drops(ruleset(policy="drop"), {}) is True
    assert drops(ruleset(policy=None, prio="filter"), {}) is False


@pytest.mark.parametrize("text", ["", "null", "[]", '{"other": 1}', "Error: JSON support not compiled-in"])
def test_other_text_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)


@pytest.mark.parametrize("text", ['{"nftables": 3}', '{"nftables": [3, {"rule": 4}, {"rule": {"expr": [5]}}]}'])
def test_odd_json_of_the_right_shape_has_no_rules(text: str) -> None:
    assert drops(text, {"iifname": "web0"}) is False
