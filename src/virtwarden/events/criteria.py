"""What an event is searched for by: keys, types, users, programs, files, guests …

An event has what is looked for if each criterion is met by one of its records or another. A criterion also names
literals: a record without any of them cannot meet it, and that is what makes a search fast.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from virtwarden.complaint import Complaint
from virtwarden.events.fields import encoded

Test = Callable[[bytes], bool]


class Criterion(NamedTuple):
    """`literals` are in order of what tells most; `rank` is lower the fewer records of a usual log have them."""

    rank: int
    literals: tuple[bytes, ...]
    test: Test


def with_key(keys: Iterable[str], whole: str = "") -> Criterion:
    """Records of rules with one of the keys, or whose key contains it."""
    return _string(0, b"key", keys, _whole if whole else _part)


def with_program(name: str, whole: str = "") -> Criterion:
    """Records of a program, or of those whose path contains the name."""
    return _string(2, b"exe", [name], _whole if whole else _part)


def with_command(name: str, whole: str = "") -> Criterion:
    """Records of a program by the name that the kernel has of it, of at most 15 bytes, or by a part of that."""
    return _string(2, b"comm", [name], _whole if whole else _part)


def with_file(name: str, whole: str = "") -> Criterion:
    """Records that name a file, a folder, a disk or a working folder so, or with such a part."""
    return _string(1, _FILES, [name], _whole if whole else _part)


def of_guest(name: str) -> Criterion:
    """libvirt's records of a guest by its name; in that, * and ? stand for others."""
    return _string(1, b"vm", [name], _named, _longest_plain(name))


def of_guest_with(name: str, whole: str = "") -> Criterion:
    """libvirt's records of guests whose name contains this."""
    return _string(1, b"vm", [name], _whole if whole else _part)


def of_uuid(uuid: str) -> Criterion:
    """libvirt's records of a guest."""
    wanted = uuid.encode("utf-8", "surrogateescape")
    spelled = tuple(dict.fromkeys((wanted.lower(), wanted.upper(), wanted)))
    return _matching(0, spelled, rb"[ ']uuid=(?:%s)(?![\w-])" % b"|".join(map(re.escape, spelled)))


def of_type(names: Iterable[str]) -> Criterion:
    """Records of these types; of all where none is named."""
    wanted = [name.upper().encode("utf-8", "surrogateescape") for name in names]
    if not wanted:
        return every_record()
    heads = tuple(name + b" msg=audit(" for name in wanted)
    return _matching(3, heads, rb"\A(?:node=\S+ )?type=(?:%s) " % b"|".join(map(re.escape, wanted)))


def of_process(pid: int) -> Criterion:
    """Records of a process."""
    return _numbers(1, ("pid",), pid)


def of_event(serial: int, millis: int | None = None) -> Criterion:
    """The records of an event, or of each with that serial."""
    time = rb"\d+\.\d{3}" if millis is None else rb"%d\.%03d" % divmod(millis, 1000)
    head = rb"\A(?:node=\S+ )?type=\S+ msg=audit\(%s:0*%d\)" % (time, serial)
    return _matching(0, (b"%d)" % serial,), head)


def of_call(call: str) -> Criterion:
    """Records of a system call, by its number or by the name that it has on the machine it was made on. Raises
    `Complaint`."""
    from virtwarden.events.interpret.tables import calls_named  # noqa: PLC0415  # few search by it

    if call.isascii() and call.isdecimal():
        return _numbers(4, ("syscall",), int(call))
    found = calls_named(call)
    if not found:
        raise Complaint(f"there is no system call {call}; write one as in openat, or its number")
    literals = tuple(b"syscall=%d " % number for number in dict.fromkeys(found.values()))
    pairs = b"|".join(b"%x .*?\\bsyscall=%d" % pair for pair in found.items())
    return _matching(4, literals, rb" arch=(?:%s) " % pairs)


def with_exit(code: str) -> Criterion:
    """Records of what a system call gave back: a number, or an error's name as in -EACCES. Raises `Complaint`."""
    sign, name = ("-", code[1:]) if code[:1] == "-" else ("", code)
    number = name if name.isascii() and name.isdecimal() else str(getattr(errno, name, ""))
    if not number.isdecimal():
        raise Complaint(f"{code or 'an empty word'} is nothing that a call gives back; write -13 or -EACCES")
    return _numbers(4, ("exit",), int(sign + number))


def of_user(uid: int, fields: tuple[str, ...] = ("uid",)) -> Criterion:
    """Records of a user: by who ran the program, or by other fields such as `auid`, who had logged in."""
    return _numbers(4, fields, uid)


def that_came_out(outcome: str) -> Criterion:
    """Records of what succeeded (`yes`) or failed (`no`)."""
    succeeded, failed = (b"success=yes", b"res=success", b"res=1"), (b"success=no", b"res=failed", b"res=0")
    literals = succeeded if outcome == "yes" else failed
    return _matching(5, literals, rb"[ '](?:%s)(?!\w)" % b"|".join(literals))


def every_record() -> Criterion:
    """Whatever there is."""
    return Criterion(9, (b"msg=audit(",), lambda _: True)


_FILES = b"name|path|file|cwd|dir|watch|old-disk|new-disk|old-fs|new-fs|old-chardev|new-chardev"


def _string(
    rank: int, field: bytes, wanted: Iterable[str], has: Callable[[str, str], bool], sure: str | None = None
) -> Criterion:
    """Records with one of the strings in a field; `sure` is what stands there surely, if not they. The kernel writes a
    string in quotes, or in hexadecimal where it holds anything unusual, as several keys together always do."""
    texts = list(wanted)
    literals: list[bytes] = []
    for text in texts if sure is None else [sure]:
        raw = text.encode("utf-8", "surrogateescape")
        literals += [raw, raw.hex().upper().encode(), raw.hex().encode()]
    values = re.compile(_field_named(field) + rb"(\"[^\"]*\"|[^ '\x1d]+)").findall

    def test(line: bytes) -> bool:
        return any(
            has(one, text)
            for value in values(line)
            for one in (encoded(value) or "").split("\x01")
            for text in texts
        )

    return Criterion(rank, tuple(dict.fromkeys(filter(None, literals))) or (field.split(b"|")[0] + b"=",), test)


def _field_named(field: bytes) -> bytes:
    """A pattern; one that begins with plain text is searched for many times as fast."""
    if b"|" in field:
        return rb"[ '](?:%s)=" % field
    return rb"%s=(?<=[ ']%s=)" % (field, field)


def _part(value: str, wanted: str) -> bool:
    return wanted in value


def _whole(value: str, wanted: str) -> bool:
    return wanted == value


def _named(value: str, wanted: str) -> bool:
    return wanted == value or fnmatchcase(value, wanted)


def _longest_plain(pattern: str) -> str:
    """What of a pattern every name has that it stands for; empty where that is nothing."""
    return max(re.split(r"[*?]+", pattern), key=len) if "[" not in pattern else ""


def _numbers(rank: int, fields: tuple[str, ...], number: int) -> Criterion:
    pairs = tuple(f"{field}={number}".encode() for field in fields)
    return _matching(rank, pairs, rb"[ ('](?:%s)(?!\d)" % b"|".join(pairs))


def _matching(rank: int, literals: tuple[bytes, ...], pattern: bytes) -> Criterion:
    search = re.compile(pattern).search
    return Criterion(rank, literals, lambda line: search(line) is not None)
