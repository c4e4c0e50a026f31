"""The work of blanking: which rules a text calls for, and their application until nothing changes."""

from __future__ import annotations

import re
from collections.abc import Callable

from virtwarden.sources.keystandin import without_keys
from virtwarden.sources.secretkeys import TRIGGERS, secret_values, unquoted
from virtwarden.sources.secretrule import Rule
from virtwarden.sources.secretrules import RULES

REDACTED = "[redacted]"
Blank = Callable[[str], str]
_ROUNDS = 8
_EVERYWHERE = tuple(rule for rule in RULES if not rule.where.pattern)
_SOMEWHERE = tuple(rule for rule in RULES if rule.where.pattern)
_PEM_HINT = "private key"
_HINTS = (_PEM_HINT, *TRIGGERS, *sorted({hint for rule in _EVERYWHERE for hint in rule.hints}))
_REMEMBERED = 100_000
_SORTED_OUT = 1_000


def blank(value: str) -> str:
    """What is written in the place of a secret: as many lines, and nothing else of it."""
    return REDACTED + "\n" * value.count("\n")


def blank_in_place(value: str) -> str:
    """The same with as many bytes as the secret had."""
    length = len(value.encode("utf-8", "surrogateescape"))
    return REDACTED[:length].ljust(length, ".")


class Blanker:
    """Blanks texts, and remembers which lines hold no hint of a secret: many lines come again in the next text."""

    def __init__(self) -> None:
        self._plain: set[str] = set()

    def blanked(self, where: str, text: str, with_: Blank = blank) -> str:
        """The text without secrets; `where` is its path or its command.

        Repeated until nothing changes, so that one rule's work cannot uncover another's.
        """
        hints = self._hints(text)
        rules = [rule for rule in _EVERYWHERE if not hints.isdisjoint(rule.hints)]
        rules += [rule for rule in _SOMEWHERE if rule.where.search(where)]
        if not hints and not rules:
            return text
        triggers = tuple(trigger for trigger in TRIGGERS if trigger in hints)
        for _ in range(_ROUNDS):
            before = text
            if _PEM_HINT in hints:
                text = without_keys(text)
            for rule in rules:
                text = _by_rule(rule, text, with_)
            text = _by_key(where, text, triggers, with_)
            if text == before:
                break
        return text

    def _hints(self, text: str) -> set[str]:
        """The hints in a text, looked for in lines that are not known to hold none."""
        fresh = set(text.split("\n")) - self._plain
        lowered = "\n".join(fresh).lower()
        hints = {hint for hint in _HINTS if hint in lowered}
        if len(self._plain) < _REMEMBERED and (not hints or len(fresh) < _SORTED_OUT):
            self._plain.update(line for line in fresh if not _hinted(line.lower(), hints))
        return hints


def _hinted(lowered: str, hints: set[str]) -> bool:
    return any(hint in lowered for hint in hints)


def _by_rule(rule: Rule, text: str, with_: Blank) -> str:
    def replaced(match: re.Match[str]) -> str:
        if rule.keeps(match):
            return match[0]
        start, end = (offset - match.start() for offset in match.span("v"))
        return match[0][:start] + with_(match["v"]) + match[0][end:]

    return rule.pattern.sub(replaced, text)


def _by_key(where: str, text: str, triggers: tuple[str, ...], with_: Blank) -> str:
    if not triggers:
        return text
    pieces: list[str] = []
    done = 0
    for start, end in secret_values(where, text, _lowered(text), triggers):
        quote, value = unquoted(text[start:end])
        pieces += (text[done:start], quote, with_(value), quote)
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def _lowered(text: str) -> str:
    """In lower case, at the same length."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(character.lower()[:1] for character in text)
