"""The fields of records, told one by one and remembered: the same ones come again and again."""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.events.interpret.encoded import plain
from virtwarden.events.interpret.fields import FIELDS, SPECIAL, Field

_PASSING = frozenset(("exit", "proctitle", "name", "cwd", "saddr"))
"""Fields whose values differ from record to record: not remembered."""


class Room:
    """How many fields may still be remembered, for all who remember any."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class Open(Exception):
    """A word is the beginning of a quoted value that goes on behind the space."""


class Words(dict[str, str]):
    """Each field of some kind of record, as it is told. `added` are the names that such records bring with them."""

    __slots__ = ("_fields", "_room", "added")

    def __init__(self, kind: str, names_added: str, room: Room) -> None:
        super().__init__()
        self.added = _added(names_added)
        self._fields = FIELDS | SPECIAL.get(kind, {})
        self._room = room

    def __missing__(self, word: str) -> str:
        if '="' in word and word[-1] != '"' and _is_open(word):
            raise Open
        name, equals, value = word.partition("=")
        if name == "inode":
            return word
        said = self._told(word, name, value) if equals else word
        if name not in _PASSING:
            self[word] = said
            self._room.left -= 1
        return said

    def told(self, word: str) -> str:
        """A field interpreted; what is none, or has no meaning of its own, as it is."""
        name, equals, value = word.partition("=")
        return self._told(word, name, value) if equals else word

    def _told(self, word: str, name: str, value: str) -> str:
        if name == "msg" and value[:1] == "'":
            return f"msg='{self.told(value[1:])}"
        bare = name if name[:1] != "(" else name.lstrip("(")
        field = self._fields.get(bare) or self._argument(bare)
        if field is None:
            return word
        given = self.added.get(bare)
        if given is not None and not given.startswith("unknown-"):
            return f"{name}={given}"
        return f"{name}={_interpreted(field, value)}"

    def _argument(self, name: str) -> Field | None:
        """Of an argument of a program: a0, a1, a2[0]."""
        return self._fields.get(name.rstrip("0123456789[]")) if "a" in self._fields else None


def whole_words(words: list[str]) -> Iterator[str]:
    """The words; those that make up one quoted value are one."""
    left = iter(words)
    for word in left:
        whole = word
        while _is_open(whole) and (following := next(left, None)) is not None:
            whole = f"{whole} {following}"
        yield whole


def _is_open(word: str) -> bool:
    start = word.find('="')
    return start >= 0 and word.find('"', start + 2) < 0


def _interpreted(field: Field, value: str) -> str:
    """The value, or what it is where it has not the form that is due. A quote behind it ends what a program said."""
    bare = value.rstrip("')") if value[-1:] in ("'", ")") and value[:1] != "(" else value
    try:
        return field(bare) + value[len(bare) :]
    except ValueError:
        return value


def _added(names_added: str) -> dict[str, str]:
    """The names that auditd added, by field: `AUID="unset" SYSCALL=openat`."""
    if names_added.startswith("SADDR={"):
        return {"saddr": names_added[6 : names_added.find("}") + 1 or None]}
    found: dict[str, str] = {}
    for word in names_added.split(" "):
        name, equals, value = word.partition("=")
        if equals:
            found.setdefault(name.lower(), plain(value) if value[:1] == '"' else value)
    return found
