"""Names of the kernel's numbers: system calls of each architecture, signals, socket families, flags and the like.

They lie in two text files beside this module and are read when the first of their tables is asked for. The names are
those of the kernel's headers, as `ausearch` gives them; where it leaves out newer ones, these tables have them.
"""

from __future__ import annotations

import os
from functools import cache

Table = dict[int, str]

_ARCHITECTURES = {
    0xC000003E: "x86_64",
    0x40000003: "i386",
    0xC00000B7: "aarch64",
    0x40000028: "arm",
    0x28: "armeb",
    0xC0000015: "ppc64le",
    0x80000015: "ppc64",
    0x14: "ppc",
    0x80000016: "s390x",
    0x16: "s390",
    0xC00000F3: "riscv64",
}
"""AUDIT_ARCH_* of linux/audit.h: the ELF machine with a bit for 64 and one for little-endian."""

_SAME_CALLS = {"ppc64le": "ppc64", "armeb": "arm"}


def architecture(number: int) -> str | None:
    """The name of what a record's `arch` says."""
    return _ARCHITECTURES.get(number)


@cache
def system_calls(architecture: str) -> Table:
    """The system calls of an architecture; none for one that is not known."""
    return _read("syscalls.txt", _SAME_CALLS.get(architecture, architecture))


def calls_named(name: str) -> dict[int, int]:
    """The number of a system call on each architecture that has it, by what a record's `arch` says."""
    found: dict[int, int] = {}
    for number, machine in _ARCHITECTURES.items():
        found.update((number, call) for call, known in system_calls(machine).items() if known == name)
    return found


@cache
def names(table: str) -> Table:
    """One table of other numbers, such as `signal`; flags have the value of their bit."""
    return _read("names.txt", table)


def joined_flags(table: str, value: int) -> str:
    """The names of the bits that are set, joined as in C; empty where none has a name."""
    return "|".join(name for bit, name in names(table).items() if bit & value)


def _read(file: str, table: str) -> Table:
    found: Table = {}
    for words in map(str.split, _lines(file)):
        if words[0] == table:
            found.update(enumerate(words[2:], int(words[1])))
    return found


@cache
def _lines(file: str) -> list[str]:
    with open(os.path.join(os.path.dirname(__file__), file), encoding="ascii") as text:
        return text.read().splitlines()
