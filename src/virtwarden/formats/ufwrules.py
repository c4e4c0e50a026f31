"""The rules that ufw keeps in user.rules and user6.rules, each under a line of its own that tells what was asked for.

ufw reads the `### tuple ###` lines when somebody changes a rule, and gives the lines of iptables below them to
iptables-restore as they are: both have to say the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from virtwarden.formats import Malformed

_MARK = "### tuple ###"
_TUPLE = re.compile(
    rf"{_MARK} (?P<action>(?:route:)?(?:allow|deny|reject|limit)\S*) (?P<protocol>\S+) (?P<ports>\S+)"
    r" (?P<to>\S+) \S+ (?P<source>\S+) (?:(?P<application>\S+) \S+ )?(?P<way>in|out)(?:_|\b).*"
)
_EVERYBODY = ("0.0.0.0/0", "::/0")
_SOURCE = re.compile(r" -s \S+")
_PORTS = re.compile(r" --dports? \S+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. It stands in the lines from `first` on, the one that tells of it, to `last`, counted from 1. `holds`:
    the lines below do what that one tells, as far as ports and the source go."""

    text: str
    first: int
    last: int
    action: str
    protocol: str
    ports: str
    source: str
    application: str
    way: str
    holds: bool

    @property
    def lets_in(self) -> bool:
        """Whether it lets something come to the host itself."""
        return self.way == "in" and self.action.startswith(("allow", "limit"))

    @property
    def words(self) -> str:
        """What it opens, as one would tell ufw."""
        opened = self.ports if self.protocol == "any" else f"{self.ports}/{self.protocol}"
        return self.application.replace("%20", " ") if self.application not in ("", "-") else opened


def parse(text: str) -> tuple[Rule, ...]:
    """The rules in their order. Raises `Malformed` at one that is not understood."""
    return tuple(_rules(text.split("\n")))


def _rules(lines: list[str]) -> Iterator[Rule]:
    for number, line in enumerate(lines, 1):
        if not line.startswith(_MARK):
            continue
        told = _TUPLE.fullmatch(line.rstrip())
        if told is None:
            raise Malformed("a rule that is not understood", number)
        last = number
        while last < len(lines) and lines[last].startswith("-"):
            last += 1
        yield Rule(
            line.rstrip(), number, last, told["action"], told["protocol"], told["ports"], told["source"],
            told["application"] or "", told["way"], all(_does(line, told) for line in lines[number:last]),
        )  # fmt: skip


def _does(line: str, told: re.Match[str]) -> bool:
    """Whether a line of iptables is for the ports and the source that were asked for."""
    ports, source = _PORTS.search(line), _SOURCE.search(line)
    everybody = told["source"] in _EVERYBODY
    return (told["ports"] == "any" if ports is None else ports[0].split(" ")[2] == told["ports"]) and (
        everybody if source is None else source[0].split(" ")[2] == told["source"]
    )


def narrowed(text: str, firsts: Collection[int], sources: Sequence[str]) -> str:
    """The text with each of these rules, named by their first lines, replaced by one for each network of its own
    family, which takes its place; rules that are there already are not written twice."""
    lines = text.split("\n")
    there = {line for number, line in enumerate(lines, 1) if number not in firsts and line.startswith(_MARK)}
    for rule in reversed([rule for rule in parse(text) if rule.first in firsts]):
        block = lines[rule.first - 1 : rule.last]
        after = 1 if rule.last < len(lines) and not lines[rule.last] else 0
        put: list[str] = []
        for source in _of_family(rule, sources):
            copied = [_from(line, source) for line in block]
            if copied[0] not in there:
                there.add(copied[0])
                put += [*copied, *lines[rule.last : rule.last + after]]
        lines[rule.first - 1 : rule.last + after] = put
    return "\n".join(lines)


def _of_family(rule: Rule, sources: Sequence[str]) -> list[str]:
    version = 6 if ":" in rule.text.split(f"{rule.action} ")[1].split(" ")[2] else 4
    return [source for source in sources if ip_network(source).version == version]


def _from(line: str, source: str) -> str:
    """A line of a rule for what comes from this network, as ufw itself would write it."""
    if line.startswith(_MARK):
        words = line.split(" ")
        at = len(_MARK.split(" ")) + 5
        return " ".join((*words[:at], source, *words[at + 1 :]))
    return _PORTS.sub(lambda found: f"{found[0]} -s {source}", _SOURCE.sub("", line), count=1)
