"""The host's network devices as they are now: bridges and their ports, VLANs, addresses, and the way out.

Read from the text of `ip`, which every release prints alike and support archives keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from itertools import pairwise
from typing import ClassVar, Self

from virtwarden.formats.digits import whole
from virtwarden.formats.packetrules import plain_mac
from virtwarden.host import Absent, Host, Output, Source, Unknown, Want, looking, reading, running
from virtwarden.model import Evidence

_DEVICES = ("ip", "-d", "address")
_ROUTES = (("ip", "route", "show", "table", "all"), ("ip", "-6", "route", "show", "table", "all"))
_PORTS = "/sys/class/net/*/brport/bridge"
_STP = "/sys/class/net/*/bridge/stp_state"
_HEAD = re.compile(r"^\d+: ([^\s:@]+)(?:@(\S+))?: <([^>]*)>(.*)$")
_FUNCTION = re.compile(r"vf \d+ .*?(?:link/ether|MAC) ([0-9a-fA-F:]+)")

Address = IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True)
class Function:
    """A virtual function of a network card: its MAC and what the card lets the guest behind it do."""

    mac: str
    checks_source: bool | None
    trusted: bool | None


@dataclass(frozen=True, slots=True)
class Link:
    """One device. `kind` is empty for a real one; `lower` is the device below a VLAN or macvtap; `options` are
    those of its kind, `port` those it has as the port of a bridge."""

    name: str
    kind: str = ""
    mac: str = ""
    master: str | None = None
    lower: str | None = None
    addresses: tuple[Address, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    port: Mapping[str, str] = field(default_factory=dict)
    functions: tuple[Function, ...] = ()
    evidence: Evidence = Evidence("")

    @property
    def vlan(self) -> int | None:
        """The id of a VLAN device."""
        return whole(self.options.get("id", "")) if self.kind == "vlan" else None


@dataclass(frozen=True)
class Links:
    """All devices by name; `uplinks` are those that carry a default route, with where that was read."""

    links: Mapping[str, Link]
    uplinks: Mapping[str, Evidence] = field(default_factory=dict)

    wants: ClassVar[tuple[Want, ...]] = (
        running(*_DEVICES),
        *(running(*route) for route in _ROUTES),
        looking(_PORTS),
        reading(_STP),
    )

    def get(self, name: str | None) -> Link | None:
        """The device of that name."""
        return None if name is None else self.links.get(name)

    def ports(self, bridge: str) -> tuple[Link, ...]:
        """The ports of a bridge, or of a bond."""
        return self._ports.get(bridge, ())

    @cached_property
    def _ports(self) -> dict[str, tuple[Link, ...]]:
        found: dict[str, tuple[Link, ...]] = {}
        for link in self.links.values():
            if link.master is not None:
                found[link.master] = (*found.get(link.master, ()), link)
        return found

    def below(self, name: str) -> frozenset[str]:
        """The devices that carry this one's frames: its ports, what they stand on, and so on down."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            link = self.links.get(waiting.pop())
            if link is None:
                continue
            under = [port.name for port in self.ports(link.name)]
            if link.lower is not None and link.kind != "veth":
                under.append(link.lower)
            waiting.extend(other for other in under if other not in seen)
            seen.update(under)
        return frozenset(seen)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask `ip`. Raises `Unknown` where it does not answer."""
        try:
            output = _answered(host.source, _DEVICES)
        except Absent as absent:
            raise Unknown(f"the network devices: {absent}") from None
        masters = _masters(host.source) if " master " not in output.stdout else {}
        trees = _trees(host.source) if "stp_state" not in output.stdout else {}
        links = {link.name: _with(link, trees) for link in _links(output, masters)}
        return cls(links, dict(_uplinks(host.source)))


def _answered(source: Source, argv: tuple[str, ...]) -> Output:
    output = source.run(*argv)
    if output.code != 0:
        raise Unknown(f"{' '.join(argv)} says: {output.cite().text}", output.cite())
    return output


def _masters(source: Source) -> dict[str, str]:
    """The bridge of each port, from the kernel itself: releases of 2010 do not print it."""
    try:
        paths = source.glob(_PORTS)
        return {path.split("/")[4]: source.stat(path).real.rpartition("/")[2] for path in paths}
    except (Absent, Unknown):
        return {}


def _trees(source: Source) -> dict[str, str]:
    """Whether each bridge has STP on, which those releases do not print either."""
    try:
        return {path.split("/")[4]: source.read(path).text.strip() for path in source.glob(_STP)}
    except (Absent, Unknown):
        return {}


def _with(link: Link, trees: Mapping[str, str]) -> Link:
    if link.name not in trees:
        return link
    return replace(link, kind=link.kind or "bridge", options={**link.options, "stp_state": trees[link.name]})


def _links(output: Output, masters: Mapping[str, str]) -> Iterator[Link]:
    block: list[str] = []
    for line in output.stdout.splitlines():
        if _HEAD.match(line):
            yield from _link(block, output, masters)
            block = [line]
        elif block:
            block.append(line)
    yield from _link(block, output, masters)


def _link(block: list[str], output: Output, masters: Mapping[str, str]) -> Iterator[Link]:
    head = _HEAD.match(block[0]) if block else None
    if head is None:
        return
    name, lower, _, rest = head.groups()
    words = rest.split()
    kind, mac = "", ""
    addresses: list[Address] = []
    functions: list[Function] = []
    options: dict[str, str] = {}
    port: dict[str, str] = {}
    for line in block[1:]:
        first, *others = line.split() or [""]
        if first.startswith("link/"):
            mac = plain_mac(others[0]) if others else ""
        elif first in ("inet", "inet6"):
            addresses.extend(_address(others))
        elif first == "vf":
            functions.extend(_function(line))
        elif first.endswith("_slave"):
            port = _pairs(others)
        elif not kind and first not in ("", "valid_lft", "altname", "alias", "parentbus", "RTNETLINK"):
            kind, options = first, _pairs(others)
    yield Link(
        name=name,
        kind=kind,
        mac=mac,
        master=words[words.index("master") + 1] if "master" in words[:-1] else masters.get(name),
        lower=None if lower is None or re.fullmatch(r"if\d+|NONE", lower) else lower,
        addresses=tuple(addresses),
        options=options,
        port=port,
        functions=tuple(functions),
        evidence=output.cite(block[0].strip()),
    )


def _pairs(words: list[str]) -> dict[str, str]:
    """Each word with the one after it, the last of equal words winning: among them are all options."""
    return dict(pairwise(words))


def _address(words: list[str]) -> Iterator[Address]:
    try:
        yield ip_interface(words[0])
    except (ValueError, IndexError):
        return


def _function(line: str) -> Iterator[Function]:
    found = _FUNCTION.search(line)
    if found is None:
        return
    said = {word: value == "on" for word, value in re.findall(r"(spoof checking|trust) (on|off)", line)}
    yield Function(plain_mac(found.group(1)), said.get("spoof checking"), said.get("trust"))


def _uplinks(source: Source) -> Iterator[tuple[str, Evidence]]:
    """The devices of default routes, of all tables."""
    for argv in _ROUTES:
        try:
            output = _answered(source, argv)
        except (Absent, Unknown):
            continue
        is_default = False
        for line in output.stdout.splitlines():
            words = line.split()
            if not line[:1].isspace():
                is_default = words[:1] == ["default"]
            if is_default and "dev" in words[:-1]:
                device = words[words.index("dev") + 1]
                if device != "lo":
                    yield device, output.cite(line.strip())
