"""The file that a bundle is: a tar in one form only, so that every bit of it means something.

A member has exactly one place, one header and one padding; whatever differs from what we would have written ourselves
is refused. So there is no room for links, paths that lead elsewhere, members that come twice, sizes that lie, or bytes
that nothing vouches for. Any tar program reads it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

README, MANIFEST, RECORDS = "README.txt", "manifest.json", "records.log"
ORIGINS, SESSIONS, EVENTS = "origins.json", "sessions.json", "events.json"
SIGNATURE, SUMS = "manifest.sig", "SHA256SUMS"
ORDER = (README, MANIFEST, RECORDS, ORIGINS, SESSIONS, EVENTS, SIGNATURE, SUMS)
"""The members as they follow each other; only the signature may be missing."""

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_LARGEST = 8**11 - 1
"""What a header has digits for: one byte less than 8 GiB."""
_CHUNK = 1 << 20
_LIMITS = {README: 1 << 16, MANIFEST: 16 << 20, ORIGINS: 32 << 20, SIGNATURE: 1 << 16, SUMS: 1 << 16}
_TEXT_LIMIT = 256 << 20
"""What is read at once is no larger; the records are read piece by piece."""


class BadBundle(Exception):
    """What was given is no sound bundle; the message is one sentence that says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a member's bytes lie in the bundle."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """An open bundle whose form is right; `made` is when it says it was made, in seconds since 1970."""

    file: BinaryIO
    spans: Mapping[str, Span]
    made: int

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's bytes, piece by piece."""
        span = self.spans[name]
        self.file.seek(span.offset)
        left = span.size
        while left:
            piece = self.file.read(min(left, _CHUNK))
            if not piece:
                raise BadBundle(f"{name} ends early: the bundle was cut while it was read")
            left -= len(piece)
            yield piece

    def read(self, name: str) -> bytes:
        """All bytes of a member that is not the records. Raises `BadBundle` where there are too many."""
        if self.spans[name].size > limit(name):
            raise BadBundle(f"{name} is larger than any that virt-warden writes ({limit(name)} bytes)")
        return b"".join(self.chunks(name))

    def digest(self, name: str) -> str:
        """The SHA-256 of a member."""
        total = sha256()
        for piece in self.chunks(name):
            total.update(piece)
        return total.hexdigest()


def limit(name: str) -> int:
    """The most bytes that a member may have."""
    return _LARGEST if name == RECORDS else _LIMITS.get(name, _TEXT_LIMIT)


def header(name: str, size: int, made: int) -> bytes:
    """The one header that a member of this name, size and time can have. Raises `BadBundle` where it is too large."""
    if size > _LARGEST:
        raise BadBundle(f"{name} would be larger than 8 GiB")
    before = b"".join(
        (
            name.encode("ascii").ljust(100, b"\0"),
            b"0000600\0" + b"0000000\0" * 2,
            b"%011o\0%011o\0" % (size, made),
        )
    )
    after = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2
    total = sum(before) + sum(after) + 8 * ord(" ")
    return (before + b"%06o\0 " % total + after).ljust(_BLOCK, b"\0")


def padding(size: int) -> bytes:
    """The zeros behind a member, up to the next block."""
    return bytes(-size % _BLOCK)


def write_member(out: BinaryIO, name: str, size: int, pieces: Iterator[bytes], made: int) -> None:
    """Write a member of exactly that many bytes."""
    if size > limit(name):
        raise BadBundle(
            f"{name} would be larger than can be checked; narrow what is asked for with --start and --end"
        )
    out.write(header(name, size, made))
    written = 0
    for piece in pieces:
        out.write(piece)
        written += len(piece)
    if written != size:
        raise BadBundle(f"{name} has {written} bytes where {size} were announced")
    out.write(padding(size))


def write_end(out: BinaryIO) -> None:
    """Write what a tar ends with."""
    out.write(_END)


def open_bundle(path: str) -> BinaryIO:
    """The file, opened for reading. Raises `OSError`, and `BadBundle` where it is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadBundle("it is no regular file")
    return os.fdopen(descriptor, "rb")


def opened(file: BinaryIO) -> Bundle:
    """The bundle in an open file. Raises `BadBundle` at the first byte that is not as it must be."""
    whole = file.seek(0, os.SEEK_END)
    spans: dict[str, Span] = {}
    made: int | None = None
    position = 0
    while (block := _block(file, position)) != bytes(_BLOCK):
        name, size, stamped = _announced(block, position)
        _require_in_order(name, spans)
        made = stamped if made is None else made
        if block != header(name, size, made):
            raise BadBundle(f"the header of {name}, at byte {position}, was changed")
        position += _BLOCK
        end = position + size
        if end + len(padding(size)) > whole:
            raise BadBundle(f"{name} ends early: it should have {size} bytes")
        file.seek(end)
        if file.read(len(padding(size))) != padding(size):
            raise BadBundle(f"there is something hidden behind {name}, at byte {end}")
        spans[name] = Span(position, size)
        position = end + len(padding(size))
    _require_end(file, position)
    _require_all(spans)
    return Bundle(file, spans, made or 0)


def _block(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        where = "it is empty" if not position and not block else f"it ends early, at byte {position + len(block)}"
        raise BadBundle(where)
    return block


_ANNOUNCED = re.compile(
    rb"([\w.]{1,30})\0{70,99}0000600\x000000000\x000000000\0([0-7]{11})\0([0-7]{11})\0", re.ASCII
)


def _announced(block: bytes, position: int) -> tuple[str, int, int]:
    found = _ANNOUNCED.match(block)
    if found is None:
        raise BadBundle(f"at byte {position} no member of a bundle begins")
    return found[1].decode("ascii"), int(found[2], 8), int(found[3], 8)


def _require_in_order(name: str, before: Mapping[str, Span]) -> None:
    if name not in ORDER:
        raise BadBundle(f"{name} is no member of a bundle")
    if name in before:
        raise BadBundle(f"{name} comes twice")
    if before and ORDER.index(name) < max(ORDER.index(each) for each in before):
        raise BadBundle(f"{name} is not where it belongs: members were reordered")


def _require_end(file: BinaryIO, position: int) -> None:
    file.seek(position)
    if file.read(len(_END) + 1) != _END:
        raise BadBundle(f"at byte {position} the bundle should end, with {len(_END)} zeros")


def _require_all(spans: Mapping[str, Span]) -> None:
    missing = [name for name in ORDER if name != SIGNATURE and name not in spans]
    if missing:
        raise BadBundle(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
