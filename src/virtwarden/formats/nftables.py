"""What `nft -j list ruleset` prints, as far as it decides whether a packet passes. Format: libnftables-json(5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from virtwarden.formats import Malformed
from virtwarden.formats.ebtables import ether_type
from virtwarden.formats.packetrules import (
    REDIRECTING,
    TCP_FLAGS,
    Chain,
    Condition,
    Rule,
    Ruleset,
    address_span,
    plain_mac,
)

_PAYLOADS = {
    ("ether", "saddr"): "ether saddr",
    ("ether", "daddr"): "ether daddr",
    ("ether", "type"): "ether type",
    ("arp", "saddr ether"): "arp sender mac",
    ("arp", "saddr ip"): "arp sender ip",
    ("ip", "saddr"): "ip saddr",
    ("ip6", "saddr"): "ip6 saddr",
    ("ip", "protocol"): "l4proto",
    ("ip6", "nexthdr"): "l4proto",
    ("tcp", "dport"): "tcp dport",
    ("udp", "dport"): "udp dport",
}
_METAS = {"iifname": "iifname", "iif": "iifname", "oifname": "oifname", "oif": "oifname", "protocol": "protocol"}
_METAS |= {"l4proto": "l4proto", "nfproto": "nfproto"}
_OTHER_PROTOCOLS = {
    "icmp": "icmp",
    "icmpv6": "ipv6-icmp",
    "igmp": "igmp",
    "sctp": "sctp",
    "esp": "esp",
    "ah": "ah",
}
_CT = {"state": "ct state", "status": "ct status"}
_NUMBERED = {"6": "tcp", "17": "udp"}
_TYPES = ("ether type", "protocol")
_HARMLESS = ("counter", "log", "mangle", "comment", "notrack", "meter", "dup", "fwd", "ct helper", "set", "map")
_BY_DEVICE = ("ingress", "egress")
_AWAKE = {"owner", "persist"}
_ENDS = ("accept", "drop", "return", "continue")

Json = Mapping[str, object]
Values = tuple[tuple[str, ...], ...]


def parse(text: str) -> Ruleset:
    """The whole ruleset. Raises `Malformed` where the text is not nft's JSON."""
    try:
        entries = json.loads(text)["nftables"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Malformed("not the JSON of nft") from None
    listed = [_table(entry) for entry in entries] if isinstance(entries, list) else []
    reader = _Reader(
        {(_str(s, "family"), _str(s, "table"), _str(s, "name")): s for s in _kind(listed, "set", "map")}
    )
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in _kind(listed, "rule"):
        key = (_str(rule, "family"), _str(rule, "table"), _str(rule, "chain"))
        rules.setdefault(key, []).extend(reader.rules(rule))
    flags = {(_str(t, "family"), _str(t, "name")): _flags(t) for t in _kind(listed, "table")}
    chains = [found for chain in _kind(listed, "chain") for found in _chains(chain, flags)]
    return Ruleset(tuple(replace(c, rules=tuple(rules.get((c.family, c.table, c.name), ()))) for c in chains))


def _kind(listed: Sequence[Json], *kinds: str) -> Iterator[Json]:
    for entry in listed:
        for kind in kinds:
            if kind in entry:
                yield _table(entry[kind])


def _flags(table: Json) -> frozenset[str]:
    said = table.get("flags")
    return frozenset(str(flag) for flag in (said if isinstance(said, list) else [said] if said else ()))


def _chains(chain: Json, flags: Mapping[tuple[str, str], frozenset[str]]) -> Iterator[Chain]:
    """A chain, once for each device that it is on. Those of a table that sleeps are out of force; releases around
    1.0 print the flag wrong, and leave the devices out where there are several."""
    said = flags.get((_str(chain, "family"), _str(chain, "table")), frozenset())
    if "dormant" in said:
        return
    devices = chain.get("dev")
    found = [name for name in (devices if isinstance(devices, list) else [devices]) if isinstance(name, str)]
    nowhere = _str(chain, "hook") in _BY_DEVICE and not found
    for device in found or [""]:
        yield _chain(chain, device, doubtful=nowhere or not said <= _AWAKE)


def _chain(chain: Json, device: str, *, doubtful: bool) -> Chain:
    priority = chain.get("prio")
    return Chain(
        family=_str(chain, "family"),
        table=_str(chain, "table"),
        name=_str(chain, "name"),
        hook=_str(chain, "hook"),
        priority=priority if isinstance(priority, int) else 0,
        policy=_str(chain, "policy") or ("accept" if chain.get("hook") else "return"),
        device=device,
        doubtful=doubtful,
    )


class _Reader:
    """Rules with the sets of their tables at hand."""

    def __init__(self, sets: Mapping[tuple[str, str, str], Json]) -> None:
        self._sets = sets

    def rules(self, rule: Json) -> Iterator[Rule]:
        """A rule as one of ours, or as several where it looks its verdict up in a map."""
        scope = (_str(rule, "family"), _str(rule, "table"))
        text = f"{scope[0]} {scope[1]} {_str(rule, 'chain')} handle {rule.get('handle')}"
        conditions: list[Condition] = []
        for statement in map(_table, _list(rule.get("expr"))):
            for name, body in statement.items():
                if name in _ENDS:
                    yield Rule(tuple(conditions), name, "", text)
                elif name in ("jump", "goto"):
                    yield Rule(tuple(conditions), name, _str(_table(body), "target"), text)
                elif name == "reject":
                    yield Rule(tuple(conditions), "drop", "", text)
                elif name in REDIRECTING:
                    yield Rule(tuple(conditions), "accept", name, text)
                elif name == "queue" or (name == "xt" and _table(body).get("type") == "target"):
                    yield Rule(tuple(conditions), "unknown", "", text)
                elif name == "vmap":
                    yield from self._vmap(_table(body), scope, tuple(conditions), text)
                elif name == "match":
                    conditions += [*_implied(_table(body)), self._match(_table(body), scope)]
                elif name not in _HARMLESS:
                    conditions.append(Condition())

    def _match(self, body: Json, scope: tuple[str, str]) -> Condition:
        fields = _fields(body.get("left"))
        values = self._values(body.get("right"), fields, scope)
        if fields == (TCP_FLAGS,) and not isinstance(body.get("right"), str):
            return Condition()
        if not fields or values is None or body.get("op") not in ("==", "!=", "in"):
            return Condition()
        return Condition(fields, values, body.get("op") == "!=")

    def _vmap(
        self, body: Json, scope: tuple[str, str], conditions: tuple[Condition, ...], text: str
    ) -> Iterator[Rule]:
        fields = _fields(body.get("key"))
        for pair in self._elements(body.get("data"), scope) or ():
            key, verdict = (*_list(pair), None, None)[:2]
            values = self._values(key, fields, scope)
            known = Condition() if not fields or values is None else Condition(fields, values)
            for name, target in _table(verdict).items():
                yield Rule((*conditions, known), name, _str(_table(target), "target"), text)

    def _elements(self, given: object, scope: tuple[str, str]) -> Sequence[object] | None:
        if isinstance(given, str) and given.startswith("@"):
            named = self._sets.get((*scope, given[1:]))
            return None if named is None else _list(named.get("elem"))
        if isinstance(given, Mapping) and "set" in given:
            inner = given["set"]
            return _list(inner) if isinstance(inner, list) else [inner]
        return given if isinstance(given, list) else None

    def _values(self, given: object, fields: tuple[str, ...], scope: tuple[str, str]) -> Values | None:
        """The values that something may be compared with; None where they are not understood."""
        elements = self._elements(given, scope)
        if elements is None:
            if isinstance(given, str) and given.startswith("@"):
                return None
            elements = [given]
        found = [_value(element, fields) for element in elements]
        return None if None in found else tuple(value for value in found if value is not None)


def _implied(match: Json) -> Iterator[Condition]:
    """That a packet is of the protocol whose header a match looks into."""
    protocol = _str(_table(_table(match.get("left")).get("payload")), "protocol")
    if protocol in _OTHER_PROTOCOLS:
        yield Condition(("l4proto",), ((_OTHER_PROTOCOLS[protocol],),))


def _fields(left: object) -> tuple[str, ...]:
    """The fields of a packet that an expression looks at; none where it is not understood."""
    expression = _table(left)
    if "concat" in expression:
        parts = [_fields(part) for part in _list(expression["concat"])]
        return tuple(part[0] for part in parts) if all(len(part) == 1 for part in parts) else ()
    tracked = _CT.get(_str(_table(expression.get("ct")), "key"))
    if tracked is not None:
        return (tracked,)
    if "&" in expression:
        return _masked_flags(_list(expression["&"]))
    payload, meta = _table(expression.get("payload")), _table(expression.get("meta"))
    name = _PAYLOADS.get((_str(payload, "protocol"), _str(payload, "field"))) or _METAS.get(_str(meta, "key"))
    return () if name is None else (name,)


def _masked_flags(sides: list[object]) -> tuple[str, ...]:
    """TCP's flags, as far as they tell the first packet of a connection from all others."""
    payload = _table(_table(sides[0]).get("payload")) if len(sides) == 2 else {}
    of_tcp = (_str(payload, "protocol"), _str(payload, "field")) == ("tcp", "flags")
    mask = sides[1] if of_tcp else None
    names = _list(_table(mask).get("|")) if isinstance(mask, Mapping) else _list(mask)
    return (TCP_FLAGS,) if {"syn", "ack"} <= {name for name in names if isinstance(name, str)} else ()


def _value(given: object, fields: tuple[str, ...]) -> tuple[str, ...] | None:
    element = _table(given)
    if "elem" in element:
        return _value(_table(element["elem"]).get("val"), fields)
    if "concat" in element:
        parts = [_plain(part, name) for part, name in zip(_list(element["concat"]), fields, strict=False)]
        return None if None in parts else tuple(part for part in parts if part is not None)
    plain = _plain(given, fields[0] if fields else "")
    return None if plain is None else (plain,)


def _plain(given: object, name: str) -> str | None:
    element = _table(given)
    if "prefix" in element:
        prefix = _table(element["prefix"])
        return f"{prefix.get('addr')}/{prefix.get('len')}"
    if "range" in element:
        ends = _list(element["range"])
        alike = len(ends) == 2 and (all(isinstance(end, int) for end in ends) or _are_addresses(ends))
        return f"{ends[0]}-{ends[1]}" if alike else None
    if isinstance(given, bool) or not isinstance(given, str | int):
        return None
    if name == "l4proto":
        return _NUMBERED.get(str(given), str(given))
    return ether_type(str(given)) if name in _TYPES else plain_mac(str(given))


def _are_addresses(ends: list[object]) -> bool:
    return all(isinstance(end, str) and address_span(end) is not None for end in ends)


def _table(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _str(table: Json, key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""
