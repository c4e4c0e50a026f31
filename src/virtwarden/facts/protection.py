"""What network filters protect against, told from their rules.

Only what can be told from the shape of the rules: a source MAC that is not the guest's, tags that hide what is
inside, IPv6 beside IPv4. What a filter really does to a frame is told from the rules in force (`PacketFilter`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from virtwarden.facts.nwfilters import CHAIN_PRIORITIES, V4_NODES, V6_NODES, FilterRule, NwFilter, Tree

_CHECKED = ("arp", "rarp", "ipv4", "ipv6")
_OPEN = ("accept", "return", "continue")
_TAGS = {"vlan": "vlan", "0x8100": "vlan", "33024": "vlan", "0x88a8": "0x88a8", "34984": "0x88a8"}
_IPV6_NODES = frozenset({"ipv6"})
_IPV4_NODES = frozenset({"ip"})


def stops_forged_macs(tree: Tree, accepted: tuple[str, ...]) -> bool:
    """Whether frames with a source MAC that is not the guest's are dropped: by libvirt's own filter, by one that
    the site accepts, or by rules that say the same."""
    if tree.names & {*accepted}:
        return True
    checking = (filter_ for filter_ in tree.filters if filter_.family in ("root", "mac"))
    found = [at for filter_ in checking if (at := _drops_others_at(filter_)) is not None]
    return bool(found) and not any(
        _lets_by(rule) and _place(filter_, rule) < min(found)
        for filter_, rule in tree.rules()
        if rule.action == "accept" or filter_.family == "root"
    )


def _drops_others_at(filter_: NwFilter) -> int | None:
    """Where among all chains a filter lets the guest's own MAC go on and drops the rest, or drops whatever does
    not have it; None where it does not, or lets others by first."""
    lets_own = any(rule.action in _OPEN and _source(rule) == ("$MAC", True) for rule in filter_.rules)
    for rule in sorted(filter_.rules, key=lambda rule: _number(rule.priority, 500)):
        is_of_others = _source(rule) == ("$MAC", False) or (lets_own and _matches_all(rule))
        if rule.stops and rule.outgoing and is_of_others:
            return _place(filter_, rule)
        if _lets_by(rule):
            return None
    return None


def _lets_by(rule: FilterRule) -> bool:
    """Whether a rule ends the way of frames from the guest, whatever their source, by letting them through. What
    iptables enforces comes after all rules for frames."""
    if rule.action not in ("accept", "return") or not rule.outgoing or _source(rule) == ("$MAC", True):
        return False
    return not rule.looks_at(V4_NODES | V6_NODES)


def _place(filter_: NwFilter, rule: FilterRule) -> int:
    """When a rule's turn comes: by its own priority in the root chain, else by that of its chain."""
    if filter_.family == "root":
        return _number(rule.priority, 500)
    return _number(filter_.priority, CHAIN_PRIORITIES.get(filter_.family, 0))


def _number(text: str, otherwise: int) -> int:
    try:
        return int(text)
    except ValueError:
        return otherwise


def _source(rule: FilterRule) -> tuple[str, bool]:
    """The source MAC that a rule looks for, and whether it looks for it or for others."""
    for kind, attributes in rule.nodes:
        if kind == "mac" and rule.outgoing and "srcmacaddr" in attributes:
            return attributes["srcmacaddr"].replace(" ", ""), attributes.get("match") != "no"
    return "", True


def _matches_all(rule: FilterRule) -> bool:
    return all(kind == "mac" and not _conditions(attributes) for kind, attributes in rule.nodes)


def _conditions(attributes: Mapping[str, str]) -> list[str]:
    return [name for name in attributes if name not in ("match", "comment")]


def checks_contents(tree: Tree) -> tuple[NwFilter, FilterRule] | None:
    """The first rule that drops what a guest sends for what is inside the frame; a tag would hide it."""
    for filter_, rule in tree.rules():
        deep = filter_.family in _CHECKED or any(kind in ("arp", "rarp", "ip", "ipv6") for kind, _ in rule.nodes)
        if deep and rule.stops and rule.outgoing and not _is_rest_of_rarp(filter_):
            return filter_, rule
    return None


def _is_rest_of_rarp(filter_: NwFilter) -> bool:
    """RARP is dropped as a protocol; there is nothing inside to hide."""
    return filter_.family == "rarp"


def drops_the_rest(tree: Tree) -> bool:
    """Whether whatever no rule lets through is dropped, tagged frames among it."""
    return any(
        filter_.family == "root" and rule.stops and rule.outgoing and _matches_all(rule)
        for filter_, rule in tree.rules()
    )


def drops_tags(tree: Tree) -> bool:
    """Whether frames with a tag of either kind are dropped."""
    if drops_the_rest(tree) and not _lets_all_through(tree):
        return True
    dropped = {tag for filter_, rule in tree.rules() for tag in _tags(filter_, rule)}
    return {"vlan", "0x88a8"} <= dropped


def _tags(filter_: NwFilter, rule: FilterRule) -> Iterator[str]:
    if not rule.stops or not rule.outgoing:
        return
    if filter_.family == "vlan" and not rule.nodes:
        yield "vlan"
    for kind, attributes in rule.nodes:
        limits = _conditions(attributes)
        if kind == "vlan" and not limits:
            yield "vlan"
        if kind == "mac" and limits == ["protocolid"] and attributes.get("match") != "no":
            yield _TAGS.get(attributes["protocolid"].lower(), "")


def _lets_all_through(tree: Tree) -> bool:
    """Whether a rule accepts frames that the guest sends whatever their protocol, by their MAC alone or not at
    all, before the last drop."""
    return any(
        filter_.family == "root"
        and rule.action == "accept"
        and rule.outgoing
        and all(kind == "mac" and "protocolid" not in attributes for kind, attributes in rule.nodes)
        for filter_, rule in tree.rules()
    )


def ipv4_only(tree: Tree) -> tuple[NwFilter, FilterRule] | None:
    """The first rule that stops something of IPv4 where nothing like it stands for IPv6, and IPv6 may pass."""
    if _blocks_ipv6(tree):
        return None
    six = {kind for _, rule in tree.rules() if rule.stops for kind, _ in rule.nodes}
    for filter_, rule in tree.rules():
        if not rule.stops:
            continue
        for kind, _ in rule.nodes:
            if kind in V4_NODES - {"igmp"} and not six & {_twin(kind), "all-ipv6"}:
                return filter_, rule
        is_link = filter_.family == "ipv4" or rule.looks_at(_IPV4_NODES)
        if is_link and rule.outgoing and not _checks_ipv6(tree):
            return filter_, rule
    return None


def _twin(kind: str) -> str:
    return "icmpv6" if kind == "icmp" else f"{kind}-ipv6"


def _checks_ipv6(tree: Tree) -> bool:
    """Whether some rule stops outgoing IPv6, in the filter of frames or of packets."""
    return any(
        rule.stops
        and rule.outgoing
        and (filter_.family == "ipv6" or rule.looks_at(_IPV6_NODES) or rule.looks_at(V6_NODES))
        for filter_, rule in tree.rules()
    )


def _blocks_ipv6(tree: Tree) -> bool:
    """Whether IPv6 from the guest never gets to any other rule: all the rest is dropped and nothing lets it by."""
    if not drops_the_rest(tree) or _lets_all_through(tree):
        return False
    for filter_, rule in tree.rules():
        if rule.action != "accept" or not rule.outgoing:
            continue
        six = any(attributes.get("protocolid", "").lower() in ("ipv6", "0x86dd") for _, attributes in rule.nodes)
        if filter_.family == "ipv6" or six or rule.looks_at(_IPV6_NODES):
            return False
    return True
