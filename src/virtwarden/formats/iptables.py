"""What `iptables-save` and `ip6tables-save` print: rules of hosts without nft, and those that nft does not see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from virtwarden.formats.ebtables import is_chain, options, words
from virtwarden.formats.packetrules import TCP_FLAGS, Chain, Condition, Rule, Ruleset

_HOOKS = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output"}
_PRIORITIES = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
_FIELDS = {
    "-i": "iifname", "--in-interface": "iifname",
    "-o": "oifname", "--out-interface": "oifname",
    "-s": "saddr", "--source": "saddr",
    "-d": "daddr", "--destination": "daddr",
    "--state": "ct state", "--ctstate": "ct state", "--ctstatus": "ct status",
    "-p": "l4proto", "--protocol": "l4proto",
    "--dport": "dport", "--dports": "dport", "--destination-port": "dport", "--destination-ports": "dport",
}  # fmt: skip
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return",
             "NFQUEUE": "unknown", "QUEUE": "unknown"}  # fmt: skip
_PLAIN_MATCHES = ("tcp", "udp", "state", "conntrack", "multiport", "comment")
_SAY_NOTHING = ("-c", "--comment", "--reject-with", "--log-prefix", "--log-level")


def parse(text: str, family: Literal["ip", "ip6"]) -> Ruleset:
    """The tables that were saved. What is not understood of a rule may or may not hold."""
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
            policies[table, name] = _VERDICTS.get(policy.split(" ")[0], "return")
        elif line.startswith("-A "):
            said = words(line)
            if len(said) > 1:
                rules.setdefault((table, said[1]), []).append(_rule(said[2:], line, family, declared))
    return Ruleset(tuple(_chains(family, policies, rules)))


def _chains(
    family: str, policies: dict[tuple[str, str], str], rules: dict[tuple[str, str], list[Rule]]
) -> Iterator[Chain]:
    for table, name in {**policies, **rules}:
        hook = _HOOKS.get(name, "") if table in _PRIORITIES else ""
        policy = policies.get((table, name), "return")
        ours = tuple(rules.get((table, name), ()))
        yield Chain(family, table, name, hook, _PRIORITIES.get(table, 0), policy, rules=ours)


def _rule(said: list[str], line: str, family: str, chains: set[str]) -> Rule:
    verdict, target, protocol = "continue", "", ""
    conditions: list[Condition] = []
    for option, value, negated in options(said):
        if option in ("-j", "--jump", "-g", "--goto"):
            jump = "goto" if option in ("-g", "--goto") else "jump"
            verdict = jump if is_chain(value, chains) else _VERDICTS.get(value, "continue")
            target = value
        elif option == "--tcp-flags":
            conditions.append(_flags(said[said.index(option) + 1 :][:2], negated))
        elif option in _FIELDS:
            protocol = value if option in ("-p", "--protocol") and not negated else protocol
            conditions += _conditions(_FIELDS[option], value, negated, family, protocol)
        elif option in ("-m", "--match"):
            conditions += [] if value in _PLAIN_MATCHES else [Condition()]
        elif option not in _SAY_NOTHING:
            conditions.append(Condition())
    return Rule(tuple(conditions), verdict, target, line)


def _flags(said: list[str], negated: bool) -> Condition:
    """The mask and what is to be set of it, as far as these tell the first packet of a connection from others."""
    if len(said) < 2 or not {"SYN", "ACK"} <= set(said[0].split(",")):
        return Condition()
    return Condition((TCP_FLAGS,), ((said[1].lower(),),), negated)


def _conditions(field: str, value: str, negated: bool, family: str, protocol: str) -> Iterator[Condition]:
    if field == "dport":
        ports = tuple((port.replace(":", "-"),) for port in value.split(","))
        yield Condition((f"{protocol} dport",) if protocol in ("tcp", "udp") else (), ports, negated)
    elif (field, value) != ("l4proto", "all"):
        yield _condition(field, value, negated, family)


def _condition(field: str, value: str, negated: bool, family: str) -> Condition:
    if field in ("ct state", "ct status"):
        return Condition((field,), tuple((state,) for state in value.lower().split(",")), negated)
    if field in ("saddr", "daddr"):
        return Condition((f"{family} {field}",), ((value,),), negated)
    return Condition((field,), ((f"{value[:-1]}*" if value.endswith("+") else value,),), negated)
