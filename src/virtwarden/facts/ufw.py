"""What the rules of ufw let in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from virtwarden.facts.openings import ALL_PORTS, Opening, networks, spans
from virtwarden.formats import Malformed, keyvalue, ufwrules
from virtwarden.formats.ebtables import options, words
from virtwarden.host import Absent, Source, Text, Unknown

SETTINGS, DEFAULTS = "/etc/ufw/ufw.conf", "/etc/default/ufw"
RULES = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules")
_OWN = ("/etc/ufw/before.rules", "/etc/ufw/before6.rules", "/etc/ufw/after.rules", "/etc/ufw/after6.rules")
_USER_CHAIN = re.compile(r"ufw6?-user-input")
_OWN_CHAIN = re.compile(r"ufw6?-(?:before|after)-input")
FILES = (SETTINGS, DEFAULTS, *RULES, *_OWN)


@dataclass(frozen=True, slots=True)
class UfwRule:
    """An opening, in the file where it stands and from which line on; 0 for one that ufw did not write."""

    opening: Opening
    text: Text
    line: int = 0


def read(source: Source) -> tuple[UfwRule, ...] | None:
    """What ufw's rules let in; None where it is not enabled. Raises `Unknown`."""
    try:
        enabled = keyvalue.last(keyvalue.settings(source.read(SETTINGS).text, "="), "ENABLED")
    except Absent:
        return None
    if enabled is None or enabled.value.lower() != "yes":
        return None
    return (*_default(source), *_written(source), *_of_the_site(source))


def _default(source: Source) -> Iterator[UfwRule]:
    """What no rule speaks of is let in where the site wants it so."""
    try:
        text = source.read(DEFAULTS)
    except Absent:
        return
    policy = keyvalue.last(keyvalue.assignments(text.text), "DEFAULT_INPUT_POLICY")
    if policy is not None and policy.value.upper() == "ACCEPT":
        yield UfwRule(Opening("whatever no rule refuses", ALL_PORTS, text.cite(policy.line)), text)


def _written(source: Source) -> Iterator[UfwRule]:
    """The rules that were given to ufw."""
    for path in RULES:
        try:
            text = source.read(path)
            rules = ufwrules.parse(text.text)
        except Absent:
            continue
        except Malformed as wrong:
            raise Unknown(f"{path}: {wrong}", text.cite(wrong.line or None)) from None
        for rule in rules:
            if rule.lets_in and rule.protocol in ("tcp", "any"):
                ports = ALL_PORTS if rule.ports == "any" else spans(rule.ports, ":")
                cited = text.cite(rule.first, rule.text)
                named = networks(rule.source)
                doubt = "" if named is not None else f"{rule.source} is no network"
                doubt = doubt if rule.holds else "the lines below the rule say something else"
                yield UfwRule(Opening(rule.words, ports, cited, named or (), doubt=doubt), text, rule.first)
        inside = {number for rule in rules for number in range(rule.first, rule.last + 1)}
        yield from _lines(text, _USER_CHAIN, inside)


def _of_the_site(source: Source) -> Iterator[UfwRule]:
    """What the files that belong to the site, before and after ufw's rules, let in besides what they came with."""
    for path in _OWN:
        try:
            text = source.read(path)
        except Absent:
            continue
        yield from _lines(text, _OWN_CHAIN, set())


def _lines(text: Text, chain: re.Pattern[str], besides: Collection[int]) -> Iterator[UfwRule]:
    """What lines of iptables open in such a chain."""
    for number, line in enumerate(text.lines, 1):
        said = words(line) if line.startswith("-") and number not in besides else []
        if said[:1] in (["-A"], ["-I"]) and len(said) > 1 and chain.fullmatch(said[1]):
            found = _opened(said[2:], text, number)
            if found is not None:
                yield UfwRule(found, text)


def _opened(said: list[str], text: Text, number: int) -> Opening | None:
    """The opening that a line of iptables makes for new connections by TCP from elsewhere; None where it makes none."""
    ports, accepts = ALL_PORTS, False
    sources: tuple[str, ...] = ()
    for option, value, negated in options(said):
        known = "" if negated else value
        match option:
            case "-j" | "--jump":
                accepts = known == "ACCEPT"
            case "-p" | "--protocol" if known not in ("tcp", "6", "all", ""):
                return None
            case "-i" | "--in-interface" if known == "lo":
                return None
            case "--ctstate" | "--state" if known and "NEW" not in known:
                return None
            case "--dport" | "--dports" if known:
                ports = spans(known, ":")
            case "-s" | "--source" if known:
                sources = networks(known) or ()
    if not accepts:
        return None
    return Opening(text.lines[number - 1].strip(), ports, text.cite(number), sources)
