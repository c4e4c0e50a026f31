"""Lines of an audit log put together to the records of one event each, as far as proofs need them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = re.compile(
    r"(?:node=\S+ )?type=(?P<type>\S+) msg=audit\((?P<id>[0-9.]+:[0-9]+)\): ?(?P<rest>.*)", re.DOTALL
)
_ENRICHED = "\x1d"
_PLAIN = r'="(?P<plain>[^"]*)"'
_HEX = r"=(?P<hex>(?:[0-9A-F]{2})+)(?![0-9A-Za-z])"
_FIELDS = {name: re.compile(rf"(?<![\w-]){name}(?:{_PLAIN}|{_HEX})") for name in ("cwd", "key", "vm")}
_KEY_BREAK = "\x01"


@dataclass(frozen=True, slots=True)
class Heard:
    """One event: its id, and its lines by type without their head and what auditd added."""

    id: str
    lines: tuple[tuple[str, str], ...]

    def of(self, kind: str) -> str:
        """The first line of this type, empty where there is none."""
        return next((text for type_, text in self.lines if type_ == kind), "")

    @property
    def place(self) -> str:
        """The directory that the process was in, empty where that is not told."""
        return field(self.of("CWD"), "cwd")

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the rule that had it recorded."""
        return tuple(filter(None, field(self.of("SYSCALL"), "key").split(_KEY_BREAK)))


def events(lines: Iterable[str]) -> list[Heard]:
    """The events in the order of their first lines."""
    gathered: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is not None:
            gathered.setdefault(found["id"], []).append((found["type"], found["rest"].partition(_ENRICHED)[0]))
    return [Heard(id_, tuple(parts)) for id_, parts in gathered.items()]


def field(text: str, name: str) -> str:
    """The value of an encoded field, which stands in quotes or in hexadecimal; empty where there is none."""
    found = _FIELDS[name].search(text)
    if found is None:
        return ""
    if found["plain"] is not None:
        return found["plain"]
    return bytes.fromhex(found["hex"]).decode("utf-8", "surrogateescape")


def word(text: str, name: str) -> str:
    """The value of a field that is not encoded and has no spaces; empty where there is none."""
    found = re.search(rf"(?<![\w-]){re.escape(name)}=([^\s']+)", text)
    return "" if found is None else found[1].strip('"')
