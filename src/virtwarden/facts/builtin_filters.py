"""The network filters that come with libvirt, so that a changed one can be told from the original.

libvirt stores a filter in a spelling of its own, so filters are compared by what they say. The digests are those
of the filters of libvirt 9.0; they serve where the package's own copies are not on the host.
"""

from __future__ import annotations

from hashlib import sha256

from virtwarden.facts.nwfilters import CHAIN_PRIORITIES, FilterRule, NwFilter

DIGESTS = {
    "allow-arp": "dee814d4ab3105a8",
    "allow-dhcp-server": "cad964e1cd962c49",
    "allow-dhcp": "03d62338848c4bb9",
    "allow-dhcpv6-server": "20f3509e2ead4247",
    "allow-dhcpv6": "a6192e82f34f60a5",
    "allow-incoming-ipv4": "4952fcaadb5455c3",
    "allow-incoming-ipv6": "d08fec4269497752",
    "allow-ipv4": "6f817b14d25eb176",
    "allow-ipv6": "b4f0e7318ef2ea97",
    "clean-traffic-gateway": "ada74d336e79e7d4",
    "clean-traffic": "cbee3422939d5ca7",
    "no-arp-ip-spoofing": "3d5c64cd026a608f",
    "no-arp-mac-spoofing": "0d4850b9393dd494",
    "no-arp-spoofing": "0b92c57826740d35",
    "no-ip-multicast": "488c47f53312bdf7",
    "no-ip-spoofing": "7e69f2bb1d948883",
    "no-ipv6-multicast": "a47ab2d83467ad2a",
    "no-ipv6-spoofing": "fc3baa1fff88b580",
    "no-mac-broadcast": "2d2d05edbc555fd7",
    "no-mac-spoofing": "dac8a479bc75f586",
    "no-other-l2-traffic": "a7ded23c718fe4f5",
    "no-other-rarp-traffic": "b3c5ded03af6acfe",
    "qemu-announce-self-rarp": "155dd544430d7799",
    "qemu-announce-self": "890449acf9af686c",
}


def digest(filter_: NwFilter) -> str:
    """A short digest of what a filter says: its chain, its rules and its references in order."""
    said = repr((filter_.chain, _priority(filter_), *map(_rule, filter_.rules), *_references(filter_)))
    return sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _priority(filter_: NwFilter) -> str:
    return filter_.priority or str(CHAIN_PRIORITIES.get(filter_.family, 0))


def _rule(rule: FilterRule) -> tuple[object, ...]:
    nodes = (
        (kind, *sorted((name, value.lower()) for name, value in attributes.items() if _matters(name, value)))
        for kind, attributes in rule.nodes
    )
    return (rule.action, rule.direction, rule.priority, rule.stateless, *nodes)


def _matters(name: str, value: str) -> bool:
    return name != "comment" and (name, value) != ("match", "yes")


def _references(filter_: NwFilter) -> list[tuple[str, ...]]:
    return [(reference.name, *sorted(reference.parameters)) for reference in filter_.references]
