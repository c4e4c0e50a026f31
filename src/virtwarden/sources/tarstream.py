"""The members of a tar archive, read from front to back without trusting it.

Understands ustar, pax and GNU headers. Every length is bounded before it is believed; an archive that ends too
early, or whose checksums are wrong, is `Damaged`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from virtwarden.host import Kind

MEMBER_LIMIT = 500_000
_BLOCK = 512
_HEADER_LIMIT = 2**20
_KINDS: dict[bytes, Kind] = {
    **dict.fromkeys((b"0", b"\0", b"7", b"S", b"1", b"2"), "file"),
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
}
_PAX_FIELD = re.compile(rb"(\d{1,7}) ")
_LABELS = ("RHT.security.selinux", "SCHILY.xattr.security.selinux")


class Damaged(Exception):
    """The archive is not what it should be; the message says how."""


class Stream(Protocol):
    """What is read from: it gives fewer bytes than asked for only at its end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive. `target` is where a symbolic link leads, or the name that a hard link repeats."""

    name: str
    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    owner: str = ""
    group: str = ""
    size: int = 0
    mtime: int = 0
    label: str | None = None
    symlink: str | None = None
    hardlink: str | None = None
    sparse: bool = False
    offset: int = 0

    @property
    def linked(self) -> bool:
        """Whether it only names another entry."""
        return self.symlink is not None or self.hardlink is not None


class Tar:
    """An archive on its way through: iterate over its members, and read the one at hand."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._offset = 0
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        count = 0
        extended: dict[str, str] = {}
        common: dict[str, str] = {}
        while (block := self._exactly(_BLOCK, "a header")).strip(b"\0"):
            count += 1
            if count > MEMBER_LIMIT:
                raise Damaged(f"it has more than {MEMBER_LIMIT} members")
            kind, size = _checked(block)
            if kind in b"xgLK":
                told = _told(kind, self._header(size))
                (common if kind == b"g" else extended).update(told)
                continue
            member = _member(block, kind, size, {**common, **extended})
            extended = {}
            more = kind == b"S" and block[482] != 0
            while more:
                more = self._exactly(_BLOCK, "a header")[504] != 0
            self._left = member.size if member.kind in {"file", "other"} and not member.linked else 0
            self._padding = -self._left % _BLOCK
            yield replace(member, offset=self._offset)
            self._skip()

    def content(self, limit: int) -> bytes:
        """The bytes of the member at hand, at most `limit`."""
        wanted = min(self._left, limit)
        data = self._exactly(wanted, "a file")
        self._left -= wanted
        return data

    def _header(self, size: int) -> bytes:
        if size > _HEADER_LIMIT:
            raise Damaged(f"it has a header of {size} bytes")
        data = self._exactly(size, "a header")
        self._exactly(-size % _BLOCK, "a header")
        return data

    def _skip(self) -> None:
        left = self._left + self._padding
        while left:
            left -= len(self._exactly(min(left, 2**20), "a file"))
        self._left = self._padding = 0

    def _exactly(self, size: int, what: str) -> bytes:
        data = self._stream.read(size) if size else b""
        self._offset += len(data)
        if len(data) < size:
            raise Damaged(f"it ends in the middle of {what}")
        return data


def _checked(block: bytes) -> tuple[bytes, int]:
    """The type and the size that a header tells, if its checksum is right."""
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if _number(block[148:156]) != total:
        raise Damaged("a header's checksum is wrong, or it is no tar archive")
    return block[156:157], _number(block[124:136])


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] == 0xFF or value >= 2**62:
            raise Damaged("a header holds a number out of range")
        return value
    digits = field.replace(b"\0", b" ").strip()
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise Damaged("a header holds a number that is none")
    return int(digits, 8)


def _told(kind: bytes, data: bytes) -> dict[str, str]:
    """What an extension header says of the member after it."""
    if kind in b"LK":
        return {"path" if kind == b"L" else "linkpath": _text(data)}
    told: dict[str, str] = {}
    at = 0
    while at < len(data):
        found = _PAX_FIELD.match(data, at)
        end = at + int(found[1]) if found else 0
        if found is None or not found.end() < end <= len(data):
            raise Damaged("an extension header is garbled")
        key, _, value = data[found.end() : end - 1].partition(b"=")
        told[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        at = end
    return told


def _member(block: bytes, kind: bytes, size: int, told: dict[str, str]) -> Member:
    prefix = _text(block[345:500]) if block[257:262] == b"ustar" and block[263:265] == b"00" else ""
    short = _text(block[:100])
    link = told.get("linkpath", _text(block[157:257]))
    name = told.get("path", f"{prefix}/{short}" if prefix else short)
    return Member(
        name=name,
        kind="dir" if kind == b"\0" and name.endswith("/") else _KINDS.get(kind, "other"),
        mode=_number(block[100:108]) & 0o7777,
        uid=_decimal(told, "uid", _number(block[108:116])),
        gid=_decimal(told, "gid", _number(block[116:124])),
        owner=told.get("uname", _text(block[265:297])),
        group=told.get("gname", _text(block[297:329])),
        size=_decimal(told, "size", size),
        mtime=_decimal(told, "mtime", _number(block[136:148])),
        label=next((told[key].rstrip("\0") for key in _LABELS if told.get(key)), None),
        symlink=link if kind == b"2" else None,
        hardlink=link if kind == b"1" else None,
        sparse=kind == b"S" or any(key.startswith("GNU.sparse") for key in told),
    )


def _decimal(told: dict[str, str], key: str, otherwise: int) -> int:
    value = told.get(key, "").partition(".")[0]
    if not value or value.startswith("-"):
        return otherwise
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise Damaged("an extension header holds a number that is none")
    return int(value)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
