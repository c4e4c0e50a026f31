"""The bytes of a compressed log, as far as they can be had: what comes before a damage is given, and the damage is
named. What a file is compressed with is told by its first bytes, never by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from virtwarden.complaint import Complaint
from virtwarden.events.known import GZIP, XZ, ZSTD
from virtwarden.events.model import Skipped

_OTHERS = (b"BZh", b"\x5d\x00\x00")
LONGEST_MAGIC = 6
_PIECE = 64 * 1024
_SMALL = 4 * 1024
"""How much is handed at once to what gives back all that it unpacks to, however much that is."""
_MOST = 1024 * 1024

Unpack = Callable[[bytes], tuple[bytes, bytes, bool]]
"""From packed bytes: some unpacked ones, what is left of the packed, and whether the member ends there."""


def unpacker(head: bytes) -> tuple[Callable[[], Unpack], int] | None:
    """How to unpack what begins so, and how much of it at once; None where it is not packed. Raises `Complaint`."""
    if head.startswith(GZIP):
        return _gzip, _PIECE
    if head.startswith(XZ):
        return _xz, _SMALL
    if head.startswith(ZSTD):
        return _zstd, _SMALL
    if head.startswith(_OTHERS):
        raise Complaint("logs compressed with bzip2 or lzma cannot be read; unpack them, or pipe them in")
    return None


def _gzip() -> Unpack:
    zlib: Any
    try:
        from isal import isal_zlib as zlib  # noqa: PLC0415
    except ImportError:
        import zlib  # noqa: PLC0415
    stream = zlib.decompressobj(wbits=31)

    def unpack(packed: bytes) -> tuple[bytes, bytes, bool]:
        unpacked = stream.decompress(packed, _MOST)
        return unpacked, stream.unused_data if stream.eof else stream.unconsumed_tail, stream.eof

    return unpack


def _xz() -> Unpack:
    import lzma  # noqa: PLC0415

    stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)

    def unpack(packed: bytes) -> tuple[bytes, bytes, bool]:
        pieces = [stream.decompress(packed, _MOST)]
        while not stream.eof and not stream.needs_input:
            pieces.append(stream.decompress(b"", _MOST))
        return b"".join(pieces), stream.unused_data if stream.eof else b"", stream.eof

    return unpack


def _zstd() -> Unpack:
    try:
        import zstandard  # noqa: PLC0415
    except ImportError:
        raise Complaint("logs compressed with zstd need the package zstandard: pip install zstandard") from None
    stream = zstandard.ZstdDecompressor().decompressobj()

    def unpack(packed: bytes) -> tuple[bytes, bytes, bool]:
        unpacked = stream.decompress(packed)
        return unpacked, stream.unused_data if stream.eof else b"", stream.eof

    return unpack


class Unpacked:
    """A packed file as its unpacked bytes."""

    def __init__(
        self, read: Callable[[int], bytes], begin: Callable[[], Unpack], piece: int, name: str, skipped: Skipped
    ) -> None:
        self._read = read
        self._begin = begin
        self._piece = piece
        self._name = name
        self._skipped = skipped
        self._unpack: Unpack | None = begin()
        self._packed = b""
        self._ready = memoryview(b"")
        self._over = False

    def readinto(self, buffer: memoryview) -> int:
        """As much as is at hand; 0 at the end, or where it is damaged."""
        while not self._ready and not self._over:
            self._ready = memoryview(self._next())
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _next(self) -> bytes:
        packed = self._packed or self._read(self._piece)
        if not packed:
            return self._end("it is cut off" if self._unpack is not None else None)
        if self._unpack is None:
            self._packed = packed = packed.lstrip(b"\0")  # tapes and archives fill up with them
            if not packed:
                return b""
            if len(packed) < LONGEST_MAGIC:
                packed += self._read(self._piece)
            if unpacker(packed) is None:
                return self._end("something else follows")
            self._unpack = self._begin()
        try:
            unpacked, self._packed, ends = self._unpack(packed)
        except MemoryError:
            raise
        except Exception as wrong:  # each format has exceptions of its own
            return self._end(str(wrong))
        if ends:
            self._unpack = None
        return unpacked

    def _end(self, why: str | None) -> bytes:
        self._over = True
        if why is not None:
            self._skipped.damaged.append(f"{self._name} is damaged and was read only as far as that: {why}")
        return b""
