"""libvirt's network filters: those that are defined, those that the package brought, and what they lead to.

A filter draws in others by reference; `NwFilters.tree` gathers all of them, with the references that lead
nowhere or in circles. Source of the grammar: https://libvirt.org/formatnwfilter.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.libvirt import Libvirt
from virtwarden.formats import Malformed, virconf, xmltext
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_DEFINED = "/etc/libvirt/nwfilter/*.xml"
_PACKAGED = "/usr/share/libvirt/nwfilter/*.xml"
_BINDINGS = "/run/libvirt/nwfilter-binding/*.xml"
_CONF = "/etc/libvirt/nwfilter.conf"
_VARIABLE = re.compile(r"\$\s*([A-Za-z0-9_]+)")

V4_NODES = frozenset({"tcp", "udp", "sctp", "icmp", "igmp", "esp", "ah", "udplite", "all"})
V6_NODES = frozenset(
    {"tcp-ipv6", "udp-ipv6", "sctp-ipv6", "icmpv6", "esp-ipv6", "ah-ipv6", "udplite-ipv6", "all-ipv6"}
)
CHAIN_PRIORITIES = {
    "root": 0, "stp": -810, "mac": -800, "vlan": -750, "ipv4": -700, "ipv6": -600, "arp": -500, "rarp": -400,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FilterRule:
    """One rule: what it does to which direction, and the protocols it looks at as (name, attributes).

    `stateless`: what was let through one way is not remembered to let the answer back.
    """

    action: str
    direction: str
    priority: str
    stateless: bool
    nodes: tuple[tuple[str, Mapping[str, str]], ...]
    line: int

    @property
    def outgoing(self) -> bool:
        """Whether it looks at what the guest sends."""
        return self.direction in ("out", "inout")

    @property
    def stops(self) -> bool:
        """Whether it drops or rejects."""
        return self.action in ("drop", "reject")

    def looks_at(self, kinds: frozenset[str]) -> bool:
        """Whether it has a protocol of one of these kinds."""
        return any(kind in kinds for kind, _ in self.nodes)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a filter with the names of the parameters passed along."""

    name: str
    parameters: frozenset[str]
    line: int


@dataclass(frozen=True, slots=True)
class NwFilter:
    """One filter."""

    name: str
    chain: str
    priority: str
    rules: tuple[FilterRule, ...]
    references: tuple[Reference, ...]
    variables: frozenset[str]
    xml: Element
    text: Text

    @property
    def family(self) -> str:
        """What its chain is entered by: root, mac, vlan, ipv4, ipv6, arp, rarp or stp."""
        found = (name for name in sorted(CHAIN_PRIORITIES, key=len, reverse=True) if self.chain.startswith(name))
        return next(found, self.chain)

    def cite(self, line: int | None = None) -> Evidence:
        """Evidence from its XML."""
        return self.text.cite(line if line is not None else line_of(self.xml))


@dataclass(frozen=True, slots=True)
class Tree:
    """A filter with all it draws in; `missing` are references to filters that are not defined, `circles` those
    that lead back, each with the filter they stand in."""

    filters: tuple[NwFilter, ...]
    missing: tuple[tuple[NwFilter, Reference], ...] = ()
    circles: tuple[tuple[NwFilter, Reference], ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of its filters."""
        return frozenset(filter_.name for filter_ in self.filters)

    def rules(self) -> Iterator[tuple[NwFilter, FilterRule]]:
        """All rules with their filters."""
        for filter_ in self.filters:
            for rule in filter_.rules:
                yield filter_, rule

    def looking_at(self, kinds: frozenset[str]) -> tuple[NwFilter, FilterRule] | None:
        """The first rule that looks at one of these protocols."""
        return next(((f, rule) for f, rule in self.rules() if rule.looks_at(kinds)), None)


@dataclass(frozen=True, slots=True)
class Binding:
    """A filter as it is bound to a port."""

    port: str
    filter: str
    evidence: Evidence


@dataclass(frozen=True)
class NwFilters:
    """The filters by name. `backend` is iptables or nftables; `bindings` are by port."""

    filters: Mapping[str, NwFilter] = field(default_factory=dict)
    packaged: Mapping[str, NwFilter] = field(default_factory=dict)
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    backend: str = "iptables"
    unread: tuple[Evidence, ...] = ()
    trees: dict[str, Tree | None] = field(default_factory=dict, repr=False, compare=False)

    wants: ClassVar[tuple[Want, ...]] = (
        reading(_DEFINED),
        reading(_PACKAGED),
        reading(_BINDINGS),
        reading(_CONF),
    )

    def tree(self, name: str) -> Tree | None:
        """The filter and all it draws in; None where it is not defined. Raises `Unknown` where it could be one
        of those that could not be read."""
        if name not in self.trees:
            self.trees[name] = None if name not in self.filters else _tree(self.filters, self.filters[name])
        tree = self.trees[name]
        if self.unread and (tree is None or tree.missing):
            raise Unknown(f"network filter {self.unread[0].where}: {self.unread[0].text}", *self.unread)
        return tree

    def complete(self) -> None:
        """Raises `Unknown` where some filter could not be read."""
        if self.unread:
            raise Unknown(f"network filter {self.unread[0].where}: {self.unread[0].text}", *self.unread)

    def wanted_variables(self, name: str) -> frozenset[str]:
        """The variables that whoever uses this filter must give, less those that libvirt finds by itself."""
        tree = self.tree(name)
        return frozenset() if tree is None else _variables(tree)[name] - {"MAC", "CTRL_IP_LEARNING"}

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read libvirt's own files."""
        host.get(Libvirt)
        unread: list[Evidence] = []
        defined = dict(_filters(host.source, _DEFINED, unread))
        try:
            packaged = dict(_filters(host.source, _PACKAGED, []))
            bindings = dict(_bindings(host.source))
        except Unknown:
            packaged, bindings = {}, {}
        return cls(defined, packaged, bindings, _backend(host.source), tuple(unread))


def _filters(source: Source, pattern: str, unread: list[Evidence]) -> Iterator[tuple[str, NwFilter]]:
    for path in source.glob(pattern):
        try:
            text = source.read(path)
            root = xmltext.parse(text.text)
        except Absent:
            continue
        except (Unknown, Malformed) as refused:
            unread.append(Evidence(text=str(refused), path=path))
            continue
        if root.tag == "filter" and root.get("name"):
            yield root.get("name") or "", nwfilter(root, text)


def nwfilter(root: Element, text: Text) -> NwFilter:
    """A filter from its XML."""
    chain = root.get("chain") or "root"
    values = [str(value) for element in root.iterfind("rule/*") for value in element.attrib.values()]
    return NwFilter(
        name=root.get("name") or "",
        chain=chain,
        priority=root.get("priority") or "",
        rules=tuple(_rule(element) for element in root.iterfind("rule")),
        references=tuple(_reference(element) for element in root.iterfind("filterref")),
        variables=frozenset(name for value in values for name in _VARIABLE.findall(value)),
        xml=root,
        text=text,
    )


def _rule(element: Element) -> FilterRule:
    return FilterRule(
        action=(element.get("action") or "").lower(),
        direction=(element.get("direction") or "").lower(),
        priority=element.get("priority") or "500",
        stateless=(element.get("statematch") or "").lower() in ("0", "false"),
        nodes=tuple((str(child.tag), {str(k): str(v) for k, v in child.attrib.items()}) for child in element),
        line=line_of(element),
    )


def _reference(element: Element) -> Reference:
    names = frozenset(parameter.get("name") or "" for parameter in element.iterfind("parameter"))
    return Reference(element.get("filter") or "", names, line_of(element))


def _tree(filters: Mapping[str, NwFilter], top: NwFilter) -> Tree:
    """Walks depth first without recursion; a name on the way down that turns up again closes a circle."""
    found: dict[str, NwFilter] = {top.name: top}
    missing: list[tuple[NwFilter, Reference]] = []
    circles: list[tuple[NwFilter, Reference]] = []
    way = [(top, iter(top.references))]
    on_way = {top.name}
    while way:
        current, references = way[-1]
        reference = next(references, None)
        if reference is None:
            way.pop()
            on_way.discard(current.name)
        elif reference.name in on_way:
            circles.append((current, reference))
        elif reference.name not in filters:
            missing.append((current, reference))
        elif reference.name not in found:
            inner = filters[reference.name]
            found[inner.name] = inner
            on_way.add(inner.name)
            way.append((inner, iter(inner.references)))
    return Tree(tuple(found.values()), tuple(missing), tuple(circles))


def _variables(tree: Tree) -> dict[str, frozenset[str]]:
    """What each filter of a tree wants, with what the filters below it want and are not given."""
    wanted = {filter_.name: filter_.variables for filter_ in tree.filters}
    changed = True
    while changed:
        changed = False
        for filter_ in reversed(tree.filters):
            below = [wanted.get(ref.name, frozenset()) - ref.parameters for ref in filter_.references]
            more = wanted[filter_.name].union(*below)
            changed = changed or more != wanted[filter_.name]
            wanted[filter_.name] = more
    return wanted


def _bindings(source: Source) -> Iterator[tuple[str, Binding]]:
    for path in source.glob(_BINDINGS):
        try:
            text = source.read(path)
            root = xmltext.parse(text.text)
        except (Absent, Unknown, Malformed):
            continue
        port, reference = root.find(".//portdev"), root.find(".//filterref")
        if port is not None and reference is not None:
            name = port.get("name") or ""
            yield name, Binding(name, reference.get("filter") or "", text.cite(line_of(reference)))


def _backend(source: Source) -> str:
    """The firewall that filters are made into; releases that have no choice use iptables."""
    try:
        entry = virconf.parse(source.read(_CONF).text).get("firewall_backend")
    except (Absent, Unknown, Malformed):
        return "iptables"
    return str(entry.value) if entry is not None else "iptables"
