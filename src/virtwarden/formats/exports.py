"""exports(5): which directories an NFS server offers, to whom and with which options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.formats.digits import whole

_WORD = re.compile(r'(?:"[^"]*"?|\\[0-7]{3}|[^\s"])+')
_ESCAPE = re.compile(r"\\([0-7]{3})")
_CLIENT = re.compile(r"(?P<name>[^()]*)(?:\((?P<options>[^)]*)\)?)?")
_SQUASH = {"root_squash": True, "no_root_squash": False, "all_squash": True}


@dataclass(frozen=True, slots=True)
class Export:
    """One directory for one client, `*` for everybody; `options` in their order, the line's defaults first."""

    path: str
    client: str
    options: tuple[str, ...]
    line: int

    @property
    def squashes_root(self) -> bool:
        """Whether root of the client is nobody here; the last word on it holds, and all_squash goes before it.
        Who is squashed to uid 0 is root all the same."""
        anonymous = [option.partition("=")[2] for option in self.options if option.startswith("anonuid=")]
        if anonymous and whole(anonymous[-1].strip()) == 0:
            return False
        if "all_squash" in self.options and "no_all_squash" not in self.options:
            return True
        said = [_SQUASH[option] for option in self.options if option in _SQUASH]
        return said[-1] if said else True

    @property
    def is_writable(self) -> bool:
        """Whether the client may write."""
        return next((option == "rw" for option in reversed(self.options) if option in ("rw", "ro")), False)


def parse(text: str) -> tuple[Export, ...]:
    """Every export of a file; what makes no sense is passed over, as exportfs does with a warning."""
    return tuple(export for number, line in _joined(text) for export in _exports(line, number))


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """The lines without comments, those that a backslash continues in one, with the number of the first."""
    whole, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first or number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        yield first, (whole + line).partition("#")[0]
        whole, first = "", 0
    if whole:
        yield first, whole.partition("#")[0]


def _exports(line: str, number: int) -> Iterator[Export]:
    words = [match[0].replace('"', "") for match in _WORD.finditer(line)]
    if not words or not words[0].startswith("/"):
        return
    path = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), words[0])
    defaults: tuple[str, ...] = ()
    clients = 0
    for word in words[1:]:
        if word.startswith("-"):
            defaults = _options(word[1:])
            continue
        found = _CLIENT.match(word)
        if found is not None:
            clients += 1
            yield Export(path, found["name"] or "*", (*defaults, *_options(found["options"] or "")), number)
    if not clients:
        yield Export(path, "*", defaults, number)


def _options(text: str) -> tuple[str, ...]:
    return tuple(option for option in text.split(",") if option)
