"""What `ebtables-save` prints, of ebtables itself and of the one that is nftables underneath."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator

from virtwarden.formats.packetrules import Chain, Condition, Rule, Ruleset, plain_mac

_HOOKS = {
    ("nat", "PREROUTING"): ("prerouting", -300),
    ("nat", "OUTPUT"): ("output", 100),
    ("nat", "POSTROUTING"): ("postrouting", 300),
    ("filter", "INPUT"): ("input", -200),
    ("filter", "FORWARD"): ("forward", -200),
    ("filter", "OUTPUT"): ("output", 200),
    ("broute", "BROUTING"): ("brouting", 0),
}
ETHER_TYPES = {
    "ip": 0x0800, "ipv4": 0x0800, "arp": 0x0806, "rarp": 0x8035, "ip6": 0x86DD, "ipv6": 0x86DD,
    "802_1q": 0x8100, "8021q": 0x8100, "vlan": 0x8100, "802_1ad": 0x88A8, "8021ad": 0x88A8,
}  # fmt: skip
_FIELDS = {
    "-i": "iifname", "--in-interface": "iifname", "--in-if": "iifname",
    "-o": "oifname", "--out-interface": "oifname", "--out-if": "oifname",
    "-s": "ether saddr", "--source": "ether saddr", "--src": "ether saddr",
    "-d": "ether daddr", "--destination": "ether daddr", "--dst": "ether daddr",
    "-p": "ether type", "--protocol": "ether type", "--proto": "ether type",
    "--logical-in": "ibrname", "--logical-out": "obrname",
    "--arp-mac-src": "arp sender mac", "--arp-ip-src": "arp sender ip",
    "--ip-src": "ip saddr", "--ip-source": "ip saddr",
    "--ip6-src": "ip6 saddr", "--ip6-source": "ip6 saddr",
}  # fmt: skip
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "RETURN": "return", "CONTINUE": "continue"}
_NAMED_MACS = {
    "unicast": "00:00:00:00:00:00/01:00:00:00:00:00",
    "multicast": "01:00:00:00:00:00/01:00:00:00:00:00",
    "broadcast": "ff:ff:ff:ff:ff:ff",
    "bga": "01:80:c2:00:00:00",
}


def ether_type(text: str) -> str:
    """The number of a frame's protocol in decimal, from any of its names; a text that is none, as it is."""
    named = ETHER_TYPES.get(text.lower())
    if named is not None:
        return str(named)
    try:
        return str(int(text, 0))
    except ValueError:
        return text


def parse(text: str) -> Ruleset:
    """The tables that were saved. Lines that are not understood become rules that may or may not match."""
    table = ""
    declared: set[str] = set()
    policies: dict[tuple[str, str], str] = {}
    rules: dict[tuple[str, str], list[Rule]] = {}
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("*"):
            table, declared = line[1:], set()
        elif line.startswith(":"):
            name, _, policy = line[1:].partition(" ")
            declared.add(name)
            policies[table, name] = _VERDICTS.get(policy.strip().split(" ")[0], "return")
        elif line.startswith("-A "):
            said = words(line)
            if len(said) > 1:
                rules.setdefault((table, said[1]), []).append(_rule(said[2:], line, declared))
    return Ruleset(tuple(_chain(key, policies.get(key, "return"), rules) for key in {**policies, **rules}))


def _chain(key: tuple[str, str], policy: str, rules: dict[tuple[str, str], list[Rule]]) -> Chain:
    hook, priority = _HOOKS.get(key, ("", 0))
    return Chain("bridge", *key, hook, priority, policy, rules=tuple(rules.get(key, ())))


def is_chain(target: str, chains: Collection[str]) -> bool:
    """Whether a rule's target is one of these chains, or one that should have been: targets of the tool's own are
    in capitals."""
    return target in chains or not target.isupper()


def words(line: str) -> list[str]:
    """The words of a saved rule, as a shell would part them."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _rule(said: list[str], line: str, chains: set[str]) -> Rule:
    verdict, target = "continue", ""
    conditions: list[Condition] = []
    for option, value, negated in options(said):
        if option in ("-j", "--jump"):
            verdict = "jump" if is_chain(value, chains) else _VERDICTS.get(value, "continue")
            target = value
        elif option in _FIELDS:
            wanted = tuple((item,) for item in _values(_FIELDS[option], value))
            conditions.append(Condition((_FIELDS[option],), wanted, negated))
        elif option not in ("-c", "--comment"):
            conditions.append(Condition())
    return Rule(tuple(conditions), verdict, target, line)


def _values(field: str, value: str) -> tuple[str, ...]:
    if field == "ether type":
        return (ether_type(value),)
    if field in ("ether saddr", "ether daddr", "arp sender mac"):
        plain = _NAMED_MACS.get(value.lower(), value)
        return ("/".join(plain_mac(part) for part in plain.split("/")),)
    return (value,)


def options(said: list[str]) -> Iterator[tuple[str, str, bool]]:
    """(option, value, negated); the negation stands before the option or before its value."""
    negated = False
    at = 0
    while at < len(said):
        word = said[at]
        at += 1
        if word == "!":
            negated = True
            continue
        if not word.startswith("-"):
            continue
        if said[at : at + 1] == ["!"]:
            negated = True
            at += 1
        value = ""
        if at < len(said) and not said[at].startswith("-") and said[at] != "!":
            value = said[at]
            at += 1
        yield word, value, negated
        negated = False
