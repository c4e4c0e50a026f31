"""Firewalls of hosts of 2012 as their files make them: SuSEfirewall2, and the saved rules of iptables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from virtwarden.facts.openings import ALL_PORTS, Opening, Span, networks, spans
from virtwarden.facts.units import Units
from virtwarden.formats import Malformed, iptables, keyvalue
from virtwarden.formats.keyvalue import Pair
from virtwarden.formats.packetrules import Ruleset
from virtwarden.host import Absent, Source, Text, Unknown

SUSE = "/etc/sysconfig/SuSEfirewall2"
SUSE_SERVICES = "/etc/sysconfig/SuSEfirewall2.d/services"
SUSE_LINKS = ("/etc/init.d/rc[35].d/S*SuSEfirewall2*", "/etc/rc.d/rc[35].d/S*SuSEfirewall2*")
SAVED: tuple[tuple[str, str, Literal["ip", "ip6"]], ...] = (
    ("iptables.service", "/etc/sysconfig/iptables", "ip"),
    ("ip6tables.service", "/etc/sysconfig/ip6tables", "ip6"),
)
_NAMED: dict[str, tuple[Span, ...]] = {
    "ssh": ((22, 22),), "http": ((80, 80),), "https": ((443, 443),), "domain": ((53, 53),), "smtp": ((25, 25),),
    "ntp": ((123, 123),), "ldap": ((389, 389),), "ldaps": ((636, 636),), "sunrpc": ((111, 111),),
    "nfs": ((2049, 2049),), "www": ((80, 80),), "rfb": ((5900, 5900),),
}  # fmt: skip


def saved(source: Source, units: Units) -> tuple[tuple[Text, Ruleset, Literal["ip", "ip6"]], ...]:
    """The rules that iptables and ip6tables load at boot, of each that does. Raises `Unknown`."""
    found: list[tuple[Text, Ruleset, Literal["ip", "ip6"]]] = []
    for unit, path, family in SAVED:
        if units.enabled(unit) is None:
            continue
        try:
            text = source.read(path)
        except Absent:
            continue
        found.append((text, iptables.parse(text.text, family), family))
    return tuple(found)


def suse(source: Source, units: Units) -> tuple[Text, tuple[Opening, ...]] | None:
    """What SuSEfirewall2 lets in; None where it is not started at boot. Raises `Unknown`."""
    starts = units.enabled("SuSEfirewall2.service") is not None
    if not starts and not any(source.glob(pattern) for pattern in SUSE_LINKS):
        return None
    try:
        text = source.read(SUSE)
        pairs = {pair.key: pair for pair in keyvalue.assignments(text.text)}
    except Absent:
        return None
    except Malformed as wrong:
        raise Unknown(f"{SUSE}: {wrong}") from None
    return text, tuple(_of_suse(source, text, pairs))


def _of_suse(source: Source, text: Text, pairs: dict[str, Pair]) -> Iterator[Opening]:
    protected = pairs.get("FW_PROTECT_FROM_INT")
    inner = pairs.get("FW_DEV_INT")
    if inner is not None and inner.value.strip() and (protected is None or protected.value != "yes"):
        yield Opening(f"whatever comes by {inner.value}, FW_DEV_INT", ALL_PORTS, text.cite(inner.line))
    for zone in ("EXT", "DMZ", "INT"):
        for key in (f"FW_SERVICES_{zone}_TCP", f"FW_CONFIGURATIONS_{zone}", f"FW_SERVICES_ACCEPT_{zone}"):
            pair = pairs.get(key)
            for word in pair.value.split() if pair is not None else ():
                yield _of_word(source, text, pairs[key], word)
    trusted = pairs.get("FW_TRUSTED_NETS")
    for word in trusted.value.split() if trusted is not None else ():
        yield _triple(text, pairs["FW_TRUSTED_NETS"], word)


def _of_word(source: Source, text: Text, pair: Pair, word: str) -> Opening:
    if "ACCEPT" in pair.key:
        return _triple(text, pair, word)
    if "CONFIGURATIONS" not in pair.key:
        opened, doubt = _ports(word)
        return Opening(f"{word} in {pair.key}", opened, text.cite(pair.line), doubt=doubt)
    opened, doubt = (), f"what {word} in {pair.key} opens"
    if re.fullmatch(r"[\w.+-]+", word):
        try:
            given = keyvalue.assignments(source.read(f"{SUSE_SERVICES}/{word}").text)
            named = keyvalue.last(given, "TCP")
            parts = [_ports(each) for each in (named.value if named is not None else "").split()]
            opened = tuple(span for each, _ in parts for span in each)
            doubt = next((why for _, why in parts if why), "")
        except (Absent, Malformed):
            opened, doubt = (((22, 22),), "") if word == "sshd" else (opened, doubt)
    return Opening(f"{word} in {pair.key}", opened, text.cite(pair.line), doubt=doubt)


def _triple(text: Text, pair: Pair, word: str) -> Opening:
    """`network,protocol,port`; what is left out is all of it."""
    network, protocol, port = (*word.split(","), "", "")[:3]
    named = networks(network)
    opened, doubt = _ports(port) if port else (ALL_PORTS, "")
    if protocol not in ("", "tcp", "_all_", "all"):
        opened, doubt = (), ""
    doubt = doubt if named is not None else f"{network} in {pair.key} is no network"
    return Opening(f"{word} in {pair.key}", opened, text.cite(pair.line), named or (), doubt=doubt)


def _ports(word: str) -> tuple[tuple[Span, ...], str]:
    opened = spans(word, ":") or _NAMED.get(word, ())
    return opened, "" if opened else f"which port {word} is"
