"""One record interpreted: its stamp, and field after field."""

from __future__ import annotations

import time
from typing import NamedTuple

from virtwarden.events.interpret.arguments import Argument, meanings, told_arguments
from virtwarden.events.interpret.encoded import is_hexadecimal
from virtwarden.events.interpret.fields import SPECIAL
from virtwarden.events.interpret.tables import architecture, names, system_calls
from virtwarden.events.interpret.words import Open, Room, Words, whole_words

ENRICHED = "\x1d"
"""What auditd puts between a record and the names that it adds to it (`log_format = ENRICHED`)."""

_ROOM = 50_000
"""How many interpreted fields are remembered; the memory stays within some ten megabytes."""

_KINDS = 2000  # types of records, with the hosts before them
_HERE = "x86_64"  # where a record does not tell its architecture


class _Call(NamedTuple):
    """A system call: its architecture and itself as they are shown, and what its arguments mean."""

    shown: str
    name: str
    meanings: tuple[Argument | None, ...] | None


class Interpreter:
    """Interprets records. It remembers what it has interpreted, so one serves for a whole log."""

    def __init__(self) -> None:
        """Times are written in the local time zone, and as the locale of this process writes them."""
        self._second = ("", "")
        self._room = Room(_ROOM)
        self._memories: dict[tuple[str, str], Words] = {}
        self._kinds: dict[str, str] = {}
        self._calls: dict[tuple[str, str, str], _Call] = {}

    def record(self, line: bytes) -> str:
        """A record (a line without its end) as text. What is no record comes back as it is."""
        text = line.decode("utf-8", "surrogateescape")
        body, _, names_added = text.partition(ENRICHED)
        head, opens, rest = body.partition("msg=audit(")
        stamp, closes, fields = rest.partition(")")
        if not opens or not closes:
            return text
        kind = self._kinds.get(head) or self._kind(head)
        memory = self._memory(kind, names_added)
        words = fields.split(" ")
        try:
            told = self._told(kind, words, memory)
        except Open:
            told = " ".join(map(memory.told, whole_words(words)))
        return f"{head}msg=audit({self._time(stamp)}) {told}".rstrip()

    def _kind(self, head: str) -> str:
        kind = head[head.find("type=") + 5 :].rstrip()
        if len(self._kinds) < _KINDS:
            self._kinds[head] = kind
        return kind

    def _time(self, stamp: str) -> str:
        seconds, dot, rest = stamp.partition(".")
        if seconds != self._second[0]:
            try:
                said = time.strftime("%x %T", time.localtime(int(seconds)))
            except (ValueError, OverflowError, OSError):
                said = seconds
            self._second = (seconds, said)
        return f"{self._second[1]}{dot}{rest}"

    def _memory(self, kind: str, names_added: str) -> Words:
        """What was told of records that bring the same names with them, and whose fields mean the same."""
        which = (kind if kind in SPECIAL else "", names_added)
        found = self._memories.get(which)
        if found is not None and self._room.left > 0:
            return found
        if self._room.left <= 0:
            self._memories.clear()
            self._calls.clear()
            self._room.left = _ROOM
        self._room.left -= 1
        found = self._memories[which] = Words(*which, self._room)
        return found

    def _told(self, kind: str, words: list[str], memory: Words) -> str:
        """The fields of a record. Raises `Open`."""
        at = _place_of_call(words) if kind in ("SYSCALL", "SECCOMP") else 0
        if not at:
            return " ".join(map(memory.__getitem__, words))
        call = self._call(words[at], words[at + 1], memory)
        first = _index(words, "a0=", at + 2)
        if not first or words[first + 3 : first + 4] == [] or words[first + 3][:3] != "a3=":
            return " ".join(
                (*map(memory.__getitem__, words[:at]), call.shown, *map(memory.__getitem__, words[at + 2 :]))
            )
        values = [word[3:] for word in words[first : first + 4]]
        pieces = [*map(memory.__getitem__, words[:at]), call.shown + _inner(call.name, values[0])]
        pieces += map(memory.__getitem__, words[at + 2 : first])
        pieces.append(_arguments(call, values))
        pieces += map(memory.__getitem__, words[first + 4 :])
        return " ".join(pieces)

    def _call(self, arch: str, number: str, memory: Words) -> _Call:
        """What is known of the system call of which the words `arch=…` and `syscall=…` tell."""
        given = memory.added.get("syscall", "")
        found = self._calls.get((arch, number, given))
        if found is None:
            machine = architecture(int(arch[5:], 16)) if is_hexadecimal(arch[5:]) else None
            name = system_calls(machine or _HERE).get(int(number[8:]), f"unknown-syscall({number[8:]})")
            shown = f"{memory.told(arch)} syscall={given or name}"
            found = self._calls[arch, number, given] = _Call(shown, name, meanings(name))
            self._room.left -= 1
        return found


def _place_of_call(words: list[str]) -> int:
    """Where the words are that tell of the architecture and, behind it, of the system call; 0 where none are."""
    at = _index(words, "arch=", 1)
    if not at or at + 1 == len(words):
        return 0
    number = words[at + 1][8:]
    return at if words[at + 1][:8] == "syscall=" and number.isascii() and number.isdecimal() else 0


def _index(words: list[str], beginning: str, start: int) -> int:
    """The first of the next few words that begins so; 0 where none does."""
    for at, word in enumerate(words[start : start + 12], start):
        if word.startswith(beginning):
            return at
    return 0


def _inner(call: str, first: str) -> str:
    """Of a system call that stands for several: for which, as its first argument says."""
    if call not in ("socketcall", "ipc") or not is_hexadecimal(f"{first:0>4}"):
        return ""
    inner = names(call).get(int(first, 16))
    return f"({inner})" if inner else ""


def _arguments(call: _Call, values: list[str]) -> str:
    if call.meanings is not None:
        values = told_arguments(call.name, call.meanings, values)
        return f"a0={values[0]} a1={values[1]} a2={values[2]} a3={values[3]}"
    return f"a0=0x{values[0]} a1=0x{values[1]} a2=0x{values[2]} a3=0x{values[3]}"
