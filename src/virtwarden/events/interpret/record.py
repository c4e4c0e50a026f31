"""One record interpreted: its stamp, and field after field."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

from virtwarden.events.interpret.arguments import Argument, argument, meanings
from virtwarden.events.interpret.encoded import is_hexadecimal, plain
from virtwarden.events.interpret.fields import FIELDS, SPECIAL, Field
from virtwarden.events.interpret.tables import architecture, names, system_calls

ENRICHED = "\x1d"
"""What auditd puts between a record and the names that it adds to it (`log_format = ENRICHED`)."""

_ROOM = 50_000
"""How many interpreted fields are remembered; the memory stays within some ten megabytes."""

_PASSING = frozenset(("inode", "exit", "proctitle", "name", "cwd", "saddr"))
"""Fields whose values differ from record to record: not remembered."""

_CALL = re.compile(
    r": arch=(?P<arch>\w+) syscall=(?P<call>\d+) (?P<way>(?:per=\w+ )?(?:success=\w+ )?)(?P<exit>exit=\S+ )?"
    r"a0=(?P<a0>\w+) a1=(?P<a1>\w+) a2=(?P<a2>\w+) a3=(?P<a3>\w+) "
)
_CALLED = re.compile(r"\barch=(\w+) syscall=(\d+)")
_HERE = "x86_64"  # where a record does not tell its architecture


class _Memory(NamedTuple):
    """The names that a record brought with it, what its fields mean, and what was interpreted of such records."""

    added: dict[str, str]
    fields: dict[str, Field]
    said: dict[str, str]


class _Call(NamedTuple):
    """A system call, its architecture and itself as they are shown, and what its arguments mean."""

    shown: str
    name: str
    meanings: tuple[Argument | None, ...] | None


class Interpreter:
    """Interprets records. It remembers what it has interpreted, so one serves for a whole log."""

    def __init__(self) -> None:
        """Times are written in the local time zone, and as the locale of this process writes them."""
        self._second = ("", "")
        self._memories: dict[tuple[str, str], _Memory] = {}
        self._calls: dict[tuple[str, str, str], _Call] = {}
        self._remembered = 0

    def record(self, line: bytes) -> str:
        """A record (a line without its end) as text. What is no record comes back as it is."""
        text = line.decode("utf-8", "surrogateescape")
        body, _, names_added = text.partition(ENRICHED)
        head, opens, rest = body.partition("msg=audit(")
        stamp, closes, fields = rest.partition(")")
        if not opens or not closes:
            return text
        kind = head[head.find("type=") + 5 :].rstrip()
        memory = self._memory(kind, names_added)
        told, fields = self._told_call(fields, memory) if kind in ("SYSCALL", "SECCOMP") else ("", fields)
        return f"{head}msg=audit({self._time(stamp)}) {told}{self._told_fields(fields, memory)}".rstrip()

    def _time(self, stamp: str) -> str:
        seconds, dot, rest = stamp.partition(".")
        if seconds != self._second[0]:
            try:
                said = time.strftime("%x %T", time.localtime(int(seconds)))
            except (ValueError, OverflowError, OSError):
                said = seconds
            self._second = (seconds, said)
        return f"{self._second[1]}{dot}{rest}"

    def _memory(self, kind: str, names_added: str) -> _Memory:
        which = (kind if kind in SPECIAL else "", names_added)
        found = self._memories.get(which)
        if found is not None and self._remembered <= _ROOM:
            return found
        if self._remembered > _ROOM:
            self._memories.clear()
            self._calls.clear()
            self._remembered = 0
        self._remembered += 1
        found = self._memories[which] = _Memory(_added(names_added), FIELDS | SPECIAL.get(which[0], {}), {})
        return found

    def _told_call(self, text: str, memory: _Memory) -> tuple[str, str]:
        """The beginning of a record of a system call, whose fields depend on each other, and the text behind it."""
        found = _CALL.match(text)
        if found is None:
            return "", _CALLED.sub(lambda call: self._call(call[1], call[2], memory.added).shown, text)
        arch, number, way, code, *arguments = found.groups()
        call = self._call(arch, number, memory.added)
        way = f"{way}{_told(code[:-1], memory)} " if code else way
        if call.name in ("socketcall", "ipc"):
            call = _multiplexed(call, arguments[0])
        return f": {call.shown} {way}{_told_arguments(call, arguments)} ", text[found.end() :]

    def _call(self, arch: str, number: str, added: dict[str, str]) -> _Call:
        which = (arch, number, added.get("syscall", ""))
        found = self._calls.get(which)
        if found is None:
            machine = architecture(int(arch, 16)) if is_hexadecimal(arch) else None
            name = system_calls(machine or _HERE).get(int(number), f"unknown-syscall({number})")
            shown = f"{_told(f'arch={arch}', _Memory(added, FIELDS, {}))} syscall={which[2] or name}"
            found = self._calls[which] = _Call(shown, name, meanings(name))
            self._remembered += 1
        return found

    def _told_fields(self, text: str, memory: _Memory) -> str:
        pieces: list[str] = []
        said = memory.said
        words = iter(text.split(" "))
        for word in words:
            known = said.get(word)
            if known is None:
                if '="' in word and word[-1] != '"':
                    word = _whole(word, words)  # noqa: PLW2901
                known = _told(word, memory)
                if word.partition("=")[0] not in _PASSING:
                    said[word] = known
                    self._remembered += 1
            pieces.append(known)
        return " ".join(pieces)


def _whole(word: str, words: Iterator[str]) -> str:
    """A word with those that follow it up to the one in which its quoted value ends."""
    start = word.find('="') + 2
    while word.find('"', start) < 0:
        following = next(words, None)
        if following is None:
            break
        word = f"{word} {following}"
    return word


def _told(word: str, memory: _Memory) -> str:
    """A field interpreted; what is none, or has no meaning of its own, as it is."""
    name, equals, value = word.partition("=")
    if not equals:
        return word
    if name == "msg" and value[:1] == "'":
        return f"msg='{_told(value[1:], memory)}"
    bare = name.lstrip("(")
    field = memory.fields.get(bare)
    if field is None and "a" in memory.fields:  # an argument of a program: a0, a1, a2[0]
        field = memory.fields.get(bare.rstrip("0123456789[]"))
    if field is None:
        return word
    given = memory.added.get(bare)
    if given is not None and not given.startswith("unknown-"):
        return f"{name}={given}"
    return f"{name}={_interpreted(field, value)}"


def _interpreted(field: Field, value: str) -> str:
    """The value, or what it is where it has not the form that is due. A quote behind it ends what a program said."""
    bare = value.rstrip("')") if value[-1:] in ("'", ")") and value[:1] != "(" else value
    try:
        return field(bare) + value[len(bare) :]
    except ValueError:
        return value


def _multiplexed(call: _Call, first: str) -> _Call:
    """A system call that stands for several; its first argument says for which."""
    inner = names(call.name).get(int(first, 16))
    return call._replace(shown=f"{call.shown}({inner})") if inner else call


def _told_arguments(call: _Call, values: list[str]) -> str:
    if call.meanings is None:
        return "a0=0x{} a1=0x{} a2=0x{} a3=0x{}".format(*values)
    return " ".join(
        f"a{index}={argument(call.name, index, call.meanings[index], values)}" for index in range(len(values))
    )


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
