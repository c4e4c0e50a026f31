"""`virt-warden audit rules`: the rules that a host should have, what they are for, what is wrong with those that it
has, and whether those on disk are those in force."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.options import add_policy, add_source, policy_of, source_of
from virtwarden.cli.parsing import Parser, parser
from virtwarden.host import Absent, Host, Unknown
from virtwarden.report.audit import rules as told
from virtwarden.report.layout import style_for
from virtwarden.report.visible import visible
from virtwarden.ruleset.compare import Comparison, compare
from virtwarden.ruleset.generator import RuleSet, rule_set
from virtwarden.ruleset.lint import Around, Line, Weight, lint
from virtwarden.ruleset.situation import situation
from virtwarden.ruleset.surroundings import around, texts_of

_LARGEST = 64 << 20


def run(words: list[str]) -> int:
    """Hand over to what is to be done with rules; they are made unless told otherwise."""
    if words and words[0] in _ACTIONS:
        return _ACTIONS[words[0]](words[1:])
    return _make(words)


def _make(words: list[str]) -> int:
    chosen = options().parse_args(words)
    if chosen.action is not None:
        raise UsageError(f"there is no action {chosen.action}; virt-warden audit rules --help shows them")
    rules = _rules_for(chosen)
    if not rules.always:
        print("virt-warden: there is no libvirt here to watch", file=sys.stderr)
    sys.stdout.write(told.files_json(rules) if chosen.json else told.files_text(rules))
    return PASSED


def _explain(words: list[str]) -> int:
    chosen = explain_options().parse_args(words)
    rules = _rules_for(chosen)
    known = sorted({each.key for each in rules.always})
    for key in chosen.key:
        if key not in known:
            raise UsageError(f"no rule for this host has the key {key}; they have {', '.join(known) or 'none'}")
    sys.stdout.write(told.explained(rules, chosen.key, style_for(sys.stdout)).lstrip("\n"))
    return PASSED


def _lint(words: list[str]) -> int:
    chosen = lint_options().parse_args(words)
    named = chosen.here or chosen.host or chosen.root or chosen.snapshot or chosen.sosreport
    texts = [(path, _text(path)) for path in chosen.file]
    lines = lint(texts, Around()) if texts and not named else _on_host(chosen, texts)
    sys.stdout.write(told.lint_json(lines) if chosen.json else told.lint_text(lines, style_for(sys.stdout)))
    return FAILED if any(line.weight is not Weight.NOTE for line in lines) else PASSED


def _on_host(chosen: argparse.Namespace, texts: list[tuple[str, str]]) -> list[Line]:
    with source_of(chosen) as source:
        host = Host(source)
        try:
            texts = texts or texts_of(host)
            return lint(texts, around(host, (text for _, text in texts)))
        except (Absent, Unknown) as refused:
            raise UsageError(str(refused)) from None


def _compare(words: list[str]) -> int:
    chosen = compare_options().parse_args(words)
    with source_of(chosen) as source:
        try:
            found = compare(Host(source))
        except (Absent, Unknown) as refused:
            raise UsageError(str(refused)) from None
    if chosen.json:
        sys.stdout.write(told.compared_json(found))
    elif found.unread and not found.rules:
        sys.stdout.write(_unknown(found))
    else:
        whole = found.rules if chosen.all else found.differing
        sys.stdout.write(told.compared_text(found, whole, style_for(sys.stdout)))
    if found.differing:
        return FAILED
    return UNKNOWN if found.unread else PASSED


def _unknown(found: Comparison) -> str:
    """What is known where no rule was seen, and not everything could be read."""
    unread = (f"not read: the rules {side}: {visible(why)}" for side, why in found.unread.items())
    said = ("whether there are rules is not known: none were seen, and not everything could be read", *unread)
    return "".join(f"{each}\n" for each in (*said, *map(visible, found.remarks)))


_ACTIONS: dict[str, Callable[[list[str]], int]] = {"explain": _explain, "lint": _lint, "compare": _compare}


def _rules_for(chosen: argparse.Namespace) -> RuleSet:
    policy, _ = policy_of(chosen)
    with source_of(chosen) as source:
        try:
            return rule_set(situation(Host(source, policy)))
        except (Absent, Unknown) as refused:
            raise UsageError(f"what this host needs cannot be told: {refused}") from None


def _text(path: str) -> str:
    try:
        with sys.stdin.buffer if path == "-" else Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as wrong:
        raise UsageError(f"{path} cannot be read: {(wrong.strerror or str(wrong)).lower()}") from None
    if len(data) > _LARGEST:
        raise UsageError(f"{path} is too large to be a rules file")
    if b"\0" in data:
        raise UsageError(f"{path} is no rules file: it is no text, as it has NUL bytes")
    return data.decode("utf-8", "surrogateescape")


def options() -> Parser:
    """The options of this command where it makes rules."""
    made = parser(
        "audit rules",
        "Print the audit rules for a host: what is there of guests' files, keys, settings and programs, with what each "
        "rule is for and may cost. virt-warden plan --control audit-covers-virtualization has them written and loaded. "
        "Further actions: explain [KEY...], lint [FILE...], compare; each has its own --help.",
    )  # fmt: skip
    made.add_argument(
        "action", nargs="?", metavar="explain|lint|compare", help="what to do instead of printing them"
    )
    return _finished(made)


def explain_options() -> Parser:
    """The options of `explain`."""
    made = parser(
        "audit rules explain", "Say what the rules of each key are for, what they may cost, how they are found."
    )
    made.add_argument("key", nargs="*", metavar="KEY", help="only these keys")
    add_source(made)
    add_policy(made)
    return made


def lint_options() -> Parser:
    """The options of `lint`."""
    made = parser(
        "audit rules lint",
        "Look through rules files for lines that do not load, never match, or record other than they seem to; those of "
        "this host unless some are named. Exit code: 0 nothing of consequence, 1 errors or warnings, 3 wrong usage.",
    )
    made.add_argument(
        "file", nargs="*", metavar="FILE", help="a rules file, in the order of loading; - is standard input"
    )
    made.add_argument("--here", action="store_true", help="hold the files that are named against this host")
    made.add_argument("--json", action="store_true", help="as JSON")
    add_source(made)
    return made


def compare_options() -> Parser:
    """The options of `compare`."""
    made = parser(
        "audit rules compare",
        "Hold the rules on disk, those put together for the next boot, and those in the kernel against each other. "
        "Exit code: 0 the same, 1 not, 2 one side could not be read.",
    )
    made.add_argument("--all", action="store_true", help="every rule, not only those that one side lacks")
    made.add_argument("--json", action="store_true", help="as JSON")
    add_source(made)
    return made


def _finished(made: Parser) -> Parser:
    made.add_argument("--json", action="store_true", help="as JSON, a rule at a time")
    add_source(made)
    add_policy(made)
    return made
