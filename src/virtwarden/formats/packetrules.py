"""Packet filter rules as values, and what they decide about a packet of which only some things are known.

The rules of ebtables and of nftables both become these. A condition over something that is not known of the
packet, or that is not understood, may or may not hold; so a decision is sure only where every way through the
rules ends alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from heapq import merge
from ipaddress import ip_address, ip_network

ARRIVES_BY = "iifname"
TCP_FLAGS = "tcp flags"
"""Which of SYN and ACK a packet has, of those of TCP: `syn` alone is the first one of a connection."""
REDIRECTING = ("dnat", "redirect", "tproxy")
"""What sends a packet elsewhere than it was sent; a rule that does so names it as its target."""
_DEEPEST = 16

Packet = Mapping[str, str]
"""What is known of a packet, by field. A field with an empty value is one that the packet does not have."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The fields together have one of `values`, or none of them if `negated`; without fields: not understood."""

    fields: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    negated: bool = False

    def holds(self, packet: Packet) -> bool | None:
        """Whether it holds for this packet; None where that cannot be told."""
        if not self.fields:
            return None
        known = tuple(packet.get(name) for name in self.fields)
        if "" in known:
            return False
        if None in known:
            return None if self._may_hold(known) else self.negated
        found = any(all(_equal(k or "", w) for k, w in zip(known, v, strict=False)) for v in self.values)
        return found is not self.negated

    def _may_hold(self, known: tuple[str | None, ...]) -> bool:
        return any(
            all(k is None or _equal(k, wanted) for k, wanted in zip(known, value, strict=False))
            for value in self.values
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to packets that meet all conditions: accept, drop, return, jump, goto, or go on."""

    conditions: tuple[Condition, ...]
    verdict: str
    target: str = ""
    text: str = ""

    @property
    def device(self) -> str | None:
        """The device that a packet must have come by, where the rule names just one."""
        for condition in self.conditions:
            if condition.fields == (ARRIVES_BY,) and not condition.negated and len(condition.values) == 1:
                (name,) = condition.values[0]
                return None if _is_pattern(name) else name
        return None


@dataclass(frozen=True)
class Chain:
    """Rules in order. `hook` is where the kernel enters it, empty where only jumps do; `policy` is what
    becomes of a packet that no rule decides. `doubtful`: the kernel may not enter it for this packet at all."""

    family: str
    table: str
    name: str
    hook: str = ""
    priority: int = 0
    policy: str = "return"
    device: str = ""
    rules: tuple[Rule, ...] = field(default=(), repr=False)
    doubtful: bool = False

    @cached_property
    def _by_device(self) -> dict[str | None, list[tuple[int, Rule]]]:
        """The rules by the one device they speak of: a host has as many of these as it has guests."""
        index: dict[str | None, list[tuple[int, Rule]]] = {}
        for position, rule in enumerate(self.rules):
            index.setdefault(rule.device, []).append((position, rule))
        return index

    def rules_for(self, packet: Packet) -> Iterator[Rule]:
        """The rules that may speak of this packet, in order."""
        device = packet.get(ARRIVES_BY)
        if device is None:
            yield from self.rules
            return
        index = self._by_device
        for _, rule in merge(index.get(None, []), index.get(device, []), key=lambda entry: entry[0]):
            yield rule


@dataclass(frozen=True)
class Ruleset:
    """All chains of one packet filter."""

    chains: tuple[Chain, ...] = ()

    @cached_property
    def _by_name(self) -> dict[tuple[str, str, str], Chain]:
        return {(chain.family, chain.table, chain.name): chain for chain in self.chains}

    @cached_property
    def _by_hook(self) -> dict[str, list[Chain]]:
        """The chains that the kernel enters by itself, in its order."""
        index: dict[str, list[Chain]] = {}
        for chain in sorted(self.chains, key=lambda chain: chain.priority):
            index.setdefault(chain.hook, []).append(chain)
        return index

    def sources_named(self, field: str) -> tuple[frozenset[str], frozenset[str]]:
        """The networks that rules name as where a packet comes from: all but those for which a rule does nothing else
        than drop, and these."""
        told: tuple[set[str], set[str]] = set(), set()
        for rule in (rule for chain in self.chains for rule in chain.rules):
            for condition in (each for each in rule.conditions if field in each.fields):
                at = condition.fields.index(field)
                only_dropped = rule.verdict == "drop" and not condition.negated
                told[only_dropped].update(value[at] for value in condition.values)
        return frozenset(told[0]), frozenset(told[1])

    @property
    def redirects(self) -> bool:
        """Whether a packet may come to another port than the one that it was sent to."""
        return any(rule.target.lower() in REDIRECTING for chain in self.chains for rule in chain.rules)

    def ports_named(self) -> frozenset[tuple[int, int]]:
        """The TCP ports, and ranges of them, that rules name as where a packet goes."""
        conditions = (each for chain in self.chains for rule in chain.rules for each in rule.conditions)
        told = {
            value[each.fields.index("tcp dport")]
            for each in conditions
            if "tcp dport" in each.fields
            for value in each.values
        }
        ends = (text.partition("-")[::2] for text in told)
        return frozenset((int(a), int(b or a)) for a, b in ends if a.isdecimal() and (b or a).isdecimal())

    def drops(self, families: Collection[str], hook: str, packet: Packet) -> bool | None:
        """Whether the chains at a hook drop the packet; None where that cannot be told."""
        sure: bool | None = False
        for chain in self._by_hook.get(hook, ()):
            if chain.family not in families or (chain.device and chain.device != packet.get(ARRIVES_BY)):
                continue
            ends = {chain.policy if end == "return" else end for end in self._ends(chain, packet, 0)}
            if ends == {"drop"} and not chain.doubtful:
                return True
            if "drop" in ends or "unknown" in ends:
                sure = None
        return sure

    def _ends(self, chain: Chain, packet: Packet, depth: int) -> set[str]:
        """The ways in which a packet may leave a chain: accept, drop, return, unknown."""
        if depth > _DEEPEST:
            return {"unknown"}
        ends: set[str] = set()
        for rule in chain.rules_for(packet):
            holds = _all_hold(rule.conditions, packet)
            if holds is False or rule.verdict == "continue":
                continue
            taken = self._taken(chain, rule, packet, depth)
            ends |= taken - {"on"}
            if holds and "on" not in taken:
                return ends
        return ends | {chain.policy}

    def _taken(self, chain: Chain, rule: Rule, packet: Packet, depth: int) -> set[str]:
        if rule.verdict not in ("jump", "goto"):
            return {rule.verdict}
        target = self._by_name.get((chain.family, chain.table, rule.target))
        if target is None:
            return {"unknown"}
        ends = self._ends(target, packet, depth + 1)
        after = "on" if rule.verdict == "jump" else chain.policy
        return {after if end == "return" else end for end in ends}


def _all_hold(conditions: Iterable[Condition], packet: Packet) -> bool | None:
    sure: bool | None = True
    for condition in conditions:
        holds = condition.holds(packet)
        if holds is False:
            return False
        if holds is None:
            sure = None
    return sure


_SPAN = re.compile(r"(\d{1,10})-(\d{1,10})", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}")


@lru_cache(maxsize=65536)
def plain_mac(text: str) -> str:
    """A MAC address in lower case with two digits an octet, whatever tool wrote it; other text as it is."""
    lowered = text.strip().lower()
    if _MAC.fullmatch(lowered) is None:
        return lowered
    return ":".join(octet.zfill(2) for octet in lowered.split(":"))


def _is_pattern(name: str) -> bool:
    return name.endswith(("*", "+"))


def _equal(known: str, wanted: str) -> bool:
    if known == wanted:
        return True
    if _is_pattern(wanted):
        return fnmatchcase(known, wanted[:-1].replace("[", "[[]") + "*")
    if "/" in wanted:
        return _masked(known, wanted)
    span = _SPAN.fullmatch(wanted)
    if span is None:
        return "-" in wanted and _between(known, wanted)
    return known.isdecimal() and int(span[1]) <= int(known) <= int(span[2])


def _between(known: str, wanted: str) -> bool:
    """Whether an address is one of a range of them."""
    ends = address_span(wanted)
    try:
        address = ip_address(known)
    except ValueError:
        return False
    return ends is not None and ends[0] == address.version and ends[1] <= int(address) <= ends[2]


@lru_cache(maxsize=65536)
def address_span(text: str) -> tuple[int, int, int] | None:
    """The version of an address, of a network or of a range of addresses, and its first and last as numbers; None where
    it is none of these."""
    first, dash, last = text.partition("-")
    try:
        if dash:
            ends = ip_address(first), ip_address(last)
            return (ends[0].version, int(ends[0]), int(ends[1])) if ends[0].version == ends[1].version else None
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return network.version, int(network.network_address), int(network.broadcast_address)


def _masked(known: str, wanted: str) -> bool:
    value, _, mask = wanted.partition("/")
    if _MAC.fullmatch(value) and _MAC.fullmatch(mask):
        triples = zip(known.split(":"), value.split(":"), mask.split(":"), strict=False)
        return all(int(k, 16) & int(m, 16) == int(v, 16) & int(m, 16) for k, v, m in triples)
    return _between(known, wanted)
