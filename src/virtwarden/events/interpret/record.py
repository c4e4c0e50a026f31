"""One record interpreted: its stamp, and field after field."""

from __future__ import annotations

import _locale
import time

from virtwarden.events.interpret.arguments import argument
from virtwarden.events.interpret.encoded import plain
from virtwarden.events.interpret.fields import FIELDS, SPECIAL, Field, number
from virtwarden.events.interpret.tables import architecture, names, system_calls

ENRICHED = "\x1d"
"""What auditd puts between a record and the names that it adds to it (`log_format = ENRICHED`)."""

_ROOM = 50_000
"""How many interpreted fields are remembered; the memory stays within some ten megabytes."""

_PASSING = frozenset("pid ppid exit a0 a1 a2 a3 inode proctitle syscall uring_op op name cwd saddr".split())
"""Fields whose values differ from record to record, or depend on others: not remembered."""

_CALLS = ("SYSCALL", "SECCOMP", "URINGOP")
_ARGUMENTS = {"a0": 0, "a1": 1, "a2": 2, "a3": 3}


class Interpreter:
    """Interprets records. It remembers what it has interpreted, so one serves for a whole log."""

    def __init__(self) -> None:
        """Times are written as the user's locale writes them, in the local time zone."""
        try:
            _locale.setlocale(_locale.LC_TIME, "")
        except _locale.Error:  # a locale that is not installed: dates look as in C
            _locale.setlocale(_locale.LC_TIME, "C")
        self._second = ("", "")
        self._memories: dict[tuple[str, str], tuple[dict[str, str], dict[str, str]]] = {}
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
        return f"{head}msg=audit({self._time(stamp)}) {self._fields(kind, fields, names_added)}".rstrip()

    def _time(self, stamp: str) -> str:
        seconds, dot, rest = stamp.partition(".")
        if seconds != self._second[0]:
            try:
                said = time.strftime("%x %T", time.localtime(int(seconds)))
            except (ValueError, OverflowError, OSError):
                said = seconds
            self._second = (seconds, said)
        return f"{self._second[1]}{dot}{rest}"

    def _fields(self, kind: str, text: str, names_added: str) -> str:
        added, memory = self._memory(kind, names_added)
        pieces: list[str] = []
        words = iter(text.split(" "))
        for word in words:
            known = memory.get(word)
            if known is None:
                whole = word
                while _is_open(whole):
                    following = next(words, None)
                    if following is None:
                        break
                    whole = f"{whole} {following}"
                known = self._field(kind, whole, text, added, memory)
            pieces.append(known)
        return " ".join(pieces)

    def _memory(self, kind: str, names_added: str) -> tuple[dict[str, str], dict[str, str]]:
        """The names that a record brings with it, and what was interpreted of records that bring the same."""
        which = (kind if kind in SPECIAL or kind == "EXECVE" else "", names_added)
        found = self._memories.get(which)
        if found is None or self._remembered > _ROOM:
            if self._remembered > _ROOM:
                self._memories.clear()
                self._remembered = 0
            found = self._memories[which] = (_added(names_added), {})
            self._remembered += 1
        return found

    def _field(self, kind: str, word: str, text: str, added: dict[str, str], memory: dict[str, str]) -> str:
        name, equals, value = word.partition("=")
        if not equals:
            return word
        if name == "msg" and value[:1] == "'":
            return f"msg='{self._field(kind, value[1:], text, added, memory)}"
        said = f"{name}={_value(kind, name.lstrip('('), value, text, added)}"
        if name not in _PASSING:
            memory[word] = said
            self._remembered += 1
        return said


def _is_open(word: str) -> bool:
    """Whether a quoted value goes on behind the space at which the word ends."""
    start = word.find('="')
    return start >= 0 and word.find('"', start + 2) < 0


def _value(kind: str, name: str, value: str, text: str, added: dict[str, str]) -> str:
    field = _meaning(kind, name)
    given = added.get(name)
    is_argument = name in _ARGUMENTS and kind in _CALLS
    if field is None and not is_argument and name not in ("syscall", "uring_op"):
        return value
    if given is not None and not given.startswith("unknown-"):
        return given
    if field is not None:
        return _tolerant(field, value)
    if is_argument:
        return argument(_call(kind, text), _ARGUMENTS[name], value, (_hex(text, " a0="), _hex(text, " a1=")))
    return _call(kind, text) or value


def _meaning(kind: str, name: str) -> Field | None:
    if kind == "EXECVE" and name[:1] == "a" and name != "argc" and "_len" not in name:
        return plain
    return SPECIAL.get(kind, FIELDS).get(name) or FIELDS.get(name)


def _tolerant(field: Field, value: str) -> str:
    """The value interpreted, or as it is. A quote behind it ends what a program said, and is none of the value."""
    bare = value.rstrip("')") if value[:1] != "(" else value
    try:
        return field(bare) + value[len(bare) :]
    except ValueError:
        return value


def _call(kind: str, text: str) -> str:
    """The system call that a record tells of, such as `openat`."""
    if kind == "URINGOP":
        said = _word(text, " uring_op=")
        return names("uring").get(int(said), f"unknown-syscall({said})") if said.isdecimal() else said
    said = _word(text, " syscall=")
    machine = _hex(text, " arch=")
    calls = system_calls((architecture(machine) if machine else None) or "x86_64")
    if not said.isdecimal():
        return said
    name = calls.get(int(said), f"unknown-syscall({said})")
    if name in ("socketcall", "ipc"):
        inner = names(name).get(_hex(text, " a0="))
        return f"{name}({inner})" if inner else name
    return name


def _word(text: str, name: str) -> str:
    start = text.find(name)
    return text[start + len(name) :].partition(" ")[0] if start >= 0 else ""


def _hex(text: str, name: str) -> int:
    try:
        return number(_word(text, name), 16)
    except ValueError:
        return 0


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
