"""The raw lines behind an answer, byte for byte, and where in which file each was found.

All records of an event are taken, whoever wrote them: an AVC has companions that say which program it was.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from virtwarden.events.logs import Log, Source, opened
from virtwarden.events.model import EventId, Skipped

_BLOCK = 1 << 20
_LONGEST = 1 << 18
"""A longer line is no record."""
_NEAR = 1 << 14
"""How far, in bytes, the records around the start of an audit daemon count."""
_START = b"type=DAEMON_START msg=audit("
_STAMP = re.compile(rb"msg=audit\((\d{1,12}\.\d{3}:\d{1,20})\)")
_HEAD = re.compile(rb"(?:node=(\S+) )?type=\S* msg=audit\(")


class Picked(NamedTuple):
    """One line with its newline; `offset` is in the text of the log, after decompression."""

    offset: int
    line: bytes


class Wanted:
    """Ids of records, each with the hosts that it is wanted of, or None for any; a line without a node is of the host
    that its log is said to be of."""

    def __init__(self, hosts: Mapping[bytes, set[str] | None]) -> None:
        self._hosts = hosts

    def of(self, block: bytes, host: str) -> Iterator[tuple[int, int]]:
        """Where in a block of whole lines the wanted ones begin and end."""
        hosts, done = self._hosts, 0
        for found in _STAMP.finditer(block):
            if found[1] not in hosts or found.start() < done:
                continue
            start = block.rfind(b"\n", 0, found.start()) + 1
            head = _HEAD.match(block, start)
            if head is None or head.end() != found.start(1):
                continue
            node = head[1].decode("utf-8", "surrogateescape") if head[1] else host
            done = block.find(b"\n", found.end()) + 1 or len(block)
            of = hosts[found[1]]
            if of is None or node in of:
                yield start, done

    def missing(self, seen: Collection[bytes]) -> list[str]:
        """The ids of which no line was seen."""
        return sorted(id_.decode() for id_ in self._hosts.keys() - set(seen))


def behind(proof: Iterable[tuple[str, EventId]]) -> Wanted:
    """The records that an answer rests on, by host and id."""
    hosts: dict[bytes, set[str] | None] = {}
    for host, id_ in proof:
        known = hosts.setdefault(str(id_).encode(), set())
        assert known is not None
        known.add(host)
    return Wanted(hosts)


class Everything:
    """Every line, whatever it is."""

    def of(self, block: bytes, _host: str) -> Iterator[tuple[int, int]]:
        """Where in a block of whole lines each begins and ends."""
        start = 0
        while start < len(block):
            stop = block.find(b"\n", start) + 1 or len(block)
            yield start, stop
            start = stop

    def missing(self, _seen: Collection[bytes]) -> list[str]:
        """Nothing: whatever there is was wanted."""
        return []


def like(lines: Iterable[bytes]) -> Wanted:
    """The records that have the ids of these lines, of whatever host."""
    return Wanted({found[1]: None for line in lines if (found := _STAMP.search(line))})


@dataclass
class Read:
    """One source: what was read of it, and the lines that were wanted."""

    log: Log
    size: int = 0
    mtime: int = 0  # nanoseconds
    inode: int = 0
    digest: str = ""
    seen: set[bytes] = field(default_factory=set)

    def picked(self, wanted: Wanted | Everything, skipped: Skipped) -> Iterator[Picked]:
        """The wanted lines in the log's order; afterwards the digest of all that was read is known."""
        with self.log.open() as raw:
            hashed = _Hashed(raw)
            for offset, block in _blocks(opened(hashed, skipped, self.log.path)):  # type: ignore[arg-type]
                for start, stop in wanted.of(block, self.log.host):
                    line = block[start:stop]
                    self.seen |= set(_STAMP.findall(line)[:1])
                    yield Picked(offset + start, line)
            hashed.drain()
            found = os.fstat(raw.fileno())
        self.size, self.digest = hashed.size, hashed.total.hexdigest()
        self.mtime, self.inode = found.st_mtime_ns, found.st_ino


def beside_starts(logs: Iterable[Log]) -> Iterator[tuple[str, EventId]]:
    """The records next to where audit daemons started: by the numbers of these it is told whether a host had booted."""
    for log in logs:
        with log.open() as raw:
            kept, done = b"", 0
            for _, block in _blocks(opened(raw, Skipped(), log.path)):
                kept, done = kept[max(done - _NEAR, 0) :] + block, min(done, _NEAR)
                ready = len(kept) - _NEAR
                yield from _neighbours(kept, done, ready, log.host)
                done = max(ready, done)
            yield from _neighbours(kept, done, len(kept), log.host)


def _neighbours(text: bytes, start: int, stop: int, host: str) -> Iterator[tuple[str, EventId]]:
    at = text.find(_START, start, stop)
    while at >= 0:
        begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at) + 1
        node = text[begin:at]
        before = text[max(begin - _NEAR, 0) : begin].split(b"\n")
        for lines in (reversed(before), text[end : end + _NEAR].split(b"\n")):
            near = next((line for line in lines if _is_kernels(line, node)), b"")
            if (found := _STAMP.search(near)) and (head := _HEAD.match(near)):
                seconds, millis, serial = re.split(rb"[.:]", found[1])
                name = head[1].decode("utf-8", "surrogateescape") if head[1] else host
                yield name, EventId(int(seconds) * 1000 + int(millis), int(serial))
        at = text.find(_START, max(end, at + 1), stop)


def _is_kernels(line: bytes, node: bytes) -> bool:
    return line.startswith(node + b"type=") and not line.startswith(node + b"type=DAEMON_")


class _Hashed:
    """A raw file that notes the digest and number of the bytes read from it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.total = hashlib.sha256()
        self.size = 0

    def read(self, count: int = -1) -> bytes:
        got = self._raw.read(count) or b""
        self._note(got)
        return got

    def readinto(self, buffer: memoryview) -> int:
        got: int = self._raw.readinto(buffer) or 0  # type: ignore[attr-defined]
        self._note(buffer[:got])
        return got

    def drain(self) -> None:
        """Read what a decompressor left over."""
        while self.read(_BLOCK):
            pass

    def _note(self, piece: bytes | memoryview) -> None:
        self.total.update(piece)
        self.size += len(piece)


def _blocks(source: Source) -> Iterator[tuple[int, bytes]]:
    """Whole lines in blocks, each with its offset, and at last one without its end; lines that are too long are left
    out."""
    buffer = bytearray(_BLOCK)
    view = memoryview(buffer)
    held, offset, skipping = b"", 0, False
    while got := source.readinto(view) or 0:
        data = held + view[:got]
        end = data.rfind(b"\n") + 1
        begin = data.find(b"\n") + 1 if skipping else 0
        if end > begin:
            yield offset + begin, data[begin:end]
        if end:
            skipping = False
        held = data[end:]
        offset += end
        if len(held) > _LONGEST or skipping:
            offset += len(held)
            held, skipping = b"", True
    if held:
        yield offset, held
