"""sshd_config: what holds for every connection, and what a `Match` block changes for some.

The first value of a keyword wins, in the part before the first `Match` as well as among the blocks that match;
what a matching block says beats what stands before it. Grammar: sshd_config(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from virtwarden.formats import Malformed

_KEYWORD = re.compile(r"(\"?)(?P<keyword>[A-Za-z][A-Za-z0-9]*)\1(?:[ \t]*=[ \t]*|[ \t]+|\Z)")
_QUOTED = """(?:{0}(?:\\\\["'\\\\]|\\\\(?!["'\\\\])|[^{0}\\\\])*{0})"""
_WORD = rf"""(?P<word>(?:{_QUOTED.format('"')}|{_QUOTED.format("'")}|\\["'\\ ]|[^ \t"'])+)"""
_ARGUMENT = re.compile(rf"[ \t]*(?:#.*\Z|{_WORD})")
_PIECE = re.compile(r"""\\(?P<escaped>["'\\])|(?P<blank>\\ )|(?P<quote>["'])|(?P<other>.)""", re.DOTALL)
_DEEPEST_INCLUDE = 16

_MANY = frozenset(("acceptenv", "allowgroups", "allowusers", "denygroups", "denyusers", "hostcertificate"))
_MANY |= {"hostkey", "listenaddress", "port", "subsystem"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One line: its keyword in lower case, its arguments, and the conditions of the blocks it stands in."""

    keyword: str
    arguments: tuple[str, ...]
    line: int
    match: tuple[str, ...] = ()
    path: str = ""

    @property
    def value(self) -> str:
        """The arguments with one blank between them."""
        return " ".join(self.arguments)

    @property
    def is_unconditional(self) -> bool:
        """Whether it speaks of every connection: before any block, or under `Match all`."""
        return all(condition == "all" for condition in self.match)


def parse(text: str, path: str = "") -> tuple[Setting, ...]:
    """All settings in order, `Include` lines among them. Raises `Malformed` for what sshd would not start with."""
    return tuple(_settings(text, path))


def _settings(text: str, path: str) -> Iterator[Setting]:
    match: tuple[str, ...] = ()
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.lstrip(" \t\r").rstrip(" \t\r\f")
        if not line or line.startswith("#"):
            continue
        found = _KEYWORD.match(line)
        if found is None:
            raise Malformed("expected a keyword", number)
        keyword = found["keyword"].lower()
        arguments = tuple(_arguments(line, found.end(), number))
        if not arguments:
            raise Malformed(f"{found['keyword']} has no argument", number)
        if keyword == "match":
            match = (_condition(arguments, number),)
            continue
        yield Setting(keyword, arguments, number, match, path)


def _condition(arguments: tuple[str, ...], number: int) -> str:
    if arguments[0].lower() != "all":
        return " ".join(arguments)
    if len(arguments) > 1:
        raise Malformed("nothing can stand beside Match all", number)
    return "all"


def _arguments(line: str, at: int, number: int) -> Iterator[str]:
    while at < len(line):
        found = _ARGUMENT.match(line, at)
        if found is None:
            raise Malformed("a quote is never closed", number)
        if found["word"] is not None:
            yield _unquoted(found["word"])
        at = found.end()


def _unquoted(word: str) -> str:
    parts: list[str] = []
    quote = ""
    for piece in _PIECE.finditer(word):
        mark = piece["quote"]
        if mark is not None and quote in ("", mark):
            quote = "" if quote else mark
        elif piece["blank"] is not None and not quote:
            parts.append(" ")
        else:
            parts.append(piece["escaped"] or piece.group())
    return "".join(parts)


def including(
    settings: Iterable[Setting], files: Callable[[str], Iterable[tuple[Setting, ...]]], depth: int = 0
) -> tuple[Setting, ...]:
    """The settings with each `Include` replaced by the settings of its files.

    `files` gives the parsed files, in order, for one pattern as it is written (a relative one is meant from
    /etc/ssh). A block that begins in an included file ends with it.
    """
    if depth > _DEEPEST_INCLUDE:
        raise Malformed("Include lines go too deep")
    found: list[Setting] = []
    for setting in settings:
        if setting.keyword != "include":
            found.append(setting)
            continue
        for pattern in setting.arguments:
            for file in files(pattern):
                inner = including(file, files, depth + 1)
                found.extend(replace(each, match=setting.match + each.match) for each in inner)
    return tuple(found)


def effective(settings: Iterable[Setting]) -> Mapping[str, tuple[Setting, ...]]:
    """What holds for a connection that no conditional block speaks of: for each keyword the setting that wins,
    or all of them for a keyword whose lines add up (Port, ListenAddress, AllowUsers …). What stands under
    `Match all` takes the place of what stands before it."""
    every = [setting for setting in settings if setting.is_unconditional]
    before = _winning(setting for setting in every if not setting.match)
    return before | _winning(setting for setting in every if setting.match)


def _winning(settings: Iterable[Setting]) -> dict[str, tuple[Setting, ...]]:
    held: dict[str, tuple[Setting, ...]] = {}
    for setting in settings:
        if setting.keyword in _MANY:
            held[setting.keyword] = (*held.get(setting.keyword, ()), setting)
        else:
            held.setdefault(setting.keyword, (setting,))
    return held
