"""libcgroup's files on hosts that are older than systemd: cgconfig.conf makes groups, cgrules.conf fills them.

Grammar: cgconfig.conf(5), cgrules.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.formats import Malformed
from virtwarden.formats.keyvalue import Pair

_TOKEN = re.compile(r'#[^\n]*|(?P<quoted>"[^"\n]*")|(?P<mark>[{}=;])|(?P<word>[^\s{}=;"#]+)|(?P<space>\s+)')
_SECTIONS = ("mount", "group", "template", "default", "namespace", "systemd")


@dataclass(frozen=True, slots=True)
class Section:
    """`kind name { … }`: a mount, group, template, default, namespace, or a part inside one of them.

    Inside a group the parts are its controllers and its `perm`, whose own parts are `task` and `admin`.
    """

    kind: str
    name: str
    settings: tuple[Pair, ...]
    parts: tuple[Section, ...]
    line: int

    def part(self, kind: str) -> Section | None:
        """The first part of that kind."""
        return next((part for part in self.parts if part.kind == kind), None)

    def get(self, key: str) -> Pair | None:
        """The setting of `key` that holds: the last."""
        return next((pair for pair in reversed(self.settings) if pair.key == key), None)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of cgrules.conf: whose processes (a user, `@group`, `*`, `%` for the row above), which of them,
    under which controllers, into which group."""

    user: str
    process: str | None
    controllers: tuple[str, ...]
    destination: str
    options: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def parse(text: str) -> tuple[Section, ...]:
    """The sections of a cgconfig.conf. Raises `Malformed`, as the service refuses the whole file."""
    tokens = [*_tokens(text)]
    sections: list[Section] = []
    at = 0
    while at < len(tokens):
        section, at = _section(tokens, at, depth=0)
        if section.kind not in _SECTIONS:
            raise Malformed(f"{section.kind} is no section", section.line)
        sections.append(section)
    return tuple(sections)


def _section(tokens: list[_Token], at: int, depth: int) -> tuple[Section, int]:
    kind = _word(tokens, at)
    at += 1
    name = ""
    if _mark(tokens, at) is None:
        name = _word(tokens, at).text
        at += 1
    if _mark(tokens, at) != "{" or depth > 3:
        raise Malformed(f"expected a '{{' after {kind.text}", kind.line)
    at += 1
    settings: list[Pair] = []
    parts: list[Section] = []
    while _mark(tokens, at) != "}":
        if _mark(tokens, at + 1) == "=":
            pair, at = _setting(tokens, at)
            settings.append(pair)
        else:
            part, at = _section(tokens, at, depth + 1)
            parts.append(part)
    at += 1
    if _mark(tokens, at) == ";":
        at += 1
    return Section(kind.text, name, tuple(settings), tuple(parts), kind.line), at


def _setting(tokens: list[_Token], at: int) -> tuple[Pair, int]:
    key, value = _word(tokens, at), _word(tokens, at + 2)
    if _mark(tokens, at + 3) != ";":
        raise Malformed(f"expected a ';' after the value of {key.text}", value.line)
    return Pair(key.text, value.text, key.line), at + 4


def _word(tokens: list[_Token], at: int) -> _Token:
    if at >= len(tokens):
        raise Malformed("the file ends inside a section", tokens[-1].line)
    if tokens[at].kind == "mark":
        raise Malformed(f"a word was expected, not '{tokens[at].text}'", tokens[at].line)
    return tokens[at]


def _mark(tokens: list[_Token], at: int) -> str | None:
    return tokens[at].text if at < len(tokens) and tokens[at].kind == "mark" else None


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Malformed("a quote is never closed", line)
        if found["quoted"] is not None:
            yield _Token("word", found["quoted"][1:-1], line)
        elif found["mark"] is not None or found["word"] is not None:
            yield _Token("mark" if found["mark"] else "word", found.group(), line)
        line += found.group().count("\n")
        at = found.end()


def rules(text: str) -> tuple[Rule, ...]:
    """The rows of a cgrules.conf. Raises `Malformed` for a row without its three columns."""
    found: list[Rule] = []
    for number, raw in enumerate(text.split("\n"), 1):
        fields = raw.split("#", 1)[0].split()
        if not fields:
            continue
        if len(fields) < 3:
            raise Malformed("expected user, controllers and destination", number)
        user, colon, process = fields[0].partition(":")
        controllers = tuple(filter(None, fields[1].split(",")))
        options = tuple(option for field in fields[3:] for option in field.split(","))
        found.append(Rule(user, process if colon else None, controllers, fields[2], options, number))
    return tuple(found)
