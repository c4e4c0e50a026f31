"""Replies of a distant host's shell, taken out of its two streams and made answers again."""

from __future__ import annotations

import re
import stat as mode_of
from dataclasses import dataclass, field
from datetime import datetime

from virtwarden.host import Absent, Head, Output, Stat, Text, Unknown
from virtwarden.sources.files import READ_LIMIT, decoded, kind_of, readable
from virtwarden.sources.process import OUTPUT_LIMIT
from virtwarden.sources.remotescript import ABSENT, OTHER_KIND, TIMEOUT

_FRAME_LIMIT = max(READ_LIMIT, OUTPUT_LIMIT) + 1
_NOISE_LIMIT = 4096
_GONE = ("no such file or directory", "not a directory", "no such process")
_TIMED_OUT = {"124", "137"}
_RECORD = (
    r"([0-9a-f]{1,8})\t(\d+)\t(\d+)\t(\d+)\t(\d+)\t(\d+:\d+)\t(-?\d+)\t([^\t\n]*)\t([^\t\n]*)\t([^\t\n]*)\t"
    r"(/(?:(?!\t%s\n)[\s\S])*)\t%s\n"
)
_LABEL = re.compile(r"[^\s:]+:[^\s:]+:[^\s:]+(?::\S+)?")
_QUOTED_PLAINLY = re.compile(r"[\w./+:@-]+", re.ASCII)


@dataclass(slots=True)
class Stream:
    """One of the two streams: replies by their ids, and what came between them."""

    word: bytes
    replies: dict[str, bytearray] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    noise: bytes = b""
    batch: int = -1
    size: int = 0
    _rest: bytes = b""
    _open: str = ""

    def feed(self, data: bytes) -> None:
        """Take in what has arrived."""
        self.size += len(data)
        self._rest += data
        marker = re.compile(rb"\n" + self.word + rb" ([bez]) (\S{1,64})(?: (\w{1,16}))?\n")
        done = 0
        for found in marker.finditer(self._rest):
            self._add(self._rest[done : found.start()])
            self._mark(found[1], found[2].decode("ascii", "replace"), (found[3] or b"").decode())
            done = found.end()
        kept = max(done, len(self._rest) - len(self.word) - 100)
        self._add(self._rest[done:kept])
        self._rest = self._rest[kept:]

    def end(self) -> None:
        """Nothing more will come."""
        self._add(self._rest)
        self._rest = b""

    def forget(self) -> None:
        """Make room for the replies of another trip."""
        self.replies.clear()
        self.codes.clear()
        self.size = 0

    def _mark(self, kind: bytes, identity: str, code: str) -> None:
        if kind == b"z":
            self.batch = int(identity) if identity.isdigit() else self.batch
        elif kind == b"e":
            self.codes[identity] = code
        else:
            self.replies[identity] = bytearray()
        self._open = identity if kind == b"b" else ""

    def _add(self, data: bytes) -> None:
        if not self._open:
            self.noise = (self.noise + data)[-_NOISE_LIMIT:]
            return
        reply = self.replies[self._open]
        reply += data[: max(_FRAME_LIMIT - len(reply), 0)]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one command of the script printed and how it ended; None in place of a reply that never came."""

    out: bytes
    err: bytes
    code: str
    at: datetime


def stats_of(word: str, paths: tuple[str, ...], looked: Reply, ends: Reply) -> dict[str, Stat | Absent | Unknown]:
    """What one stat said of many paths; `ends` tells where their links end."""
    text = looked.out.decode("utf-8", "surrogateescape")
    records = {found[11]: found for found in re.finditer(_RECORD % (word, word), text)}
    reals = dict(zip(paths, ends.out.decode("utf-8", "surrogateescape").split("\0"), strict=False))
    errors = _errors(looked)
    return {
        path: _stat(path, records[path], reals.get(path, ""), looked.at) if path in records else _why(path, errors)
        for path in paths
    }


def dangling(paths: tuple[str, ...], ends: Reply) -> set[str]:
    """The symbolic links among the paths that lead nowhere."""
    reals = zip(paths, ends.out.decode("utf-8", "surrogateescape").split("\0"), strict=False)
    return {path for path, real in reals if real == "-"}


def text_of(path: str, stat: Stat, reply: Reply) -> Text:
    """The answer to a read."""
    readable(path, stat.kind)
    return Text(path, decoded(path, _bytes(path, reply)), reply.at)


def head_of(path: str, stat: Stat, length: int, reply: Reply) -> Head:
    """The answer to a head."""
    readable(path, stat.kind, ("file", "block"))
    return Head(path, _bytes(path, reply)[:length], reply.at)


def paths_of(pattern: str, reply: Reply) -> dict[str, bool]:
    """The paths that a pattern became, in order, and whether they exist; a shell's `.` and `..` do not count."""
    lines = reply.out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    dots = {".", ".."}.difference(pattern.split("/"))
    return {line[1:]: line.startswith("+") and dots.isdisjoint(line.split("/")) for line in lines}


def kept_from(reply: Reply) -> Unknown | None:
    """What kept a listing from being complete; None if nothing did."""
    for line in reply.err.decode("utf-8", "surrogateescape").split("\0"):
        place, _, reason = line.strip("\n").rpartition(": ")
        if reason and reason.lower() not in _GONE:
            return Unknown(f"{place}: {reason.lower()}")
    return None


def output_of(argv: tuple[str, ...], reply: Reply) -> Output:
    """The answer to a command."""
    command = " ".join(argv)
    stderr = reply.err.decode("utf-8", "surrogateescape")
    if reply.code == ABSENT or (reply.code == "127" and stderr.startswith("timeout: failed to run command")):
        raise Absent(f"{argv[0]} is not installed")
    if reply.code == "126":
        raise Unknown(f"{argv[0]} cannot be run: permission denied")
    if reply.code in _TIMED_OUT:
        raise Unknown(f"{command}: was killed, or did not end within {TIMEOUT} s")
    if max(len(reply.out), len(reply.err)) > OUTPUT_LIMIT:
        raise Unknown(f"{command}: printed more than {OUTPUT_LIMIT} bytes")
    if not reply.code.isdigit():
        raise Unknown(f"{command}: how it ended is not known")
    return Output(argv, int(reply.code), reply.out.decode("utf-8", "surrogateescape"), stderr, reply.at)


def _stat(path: str, found: re.Match[str], real: str, at: datetime) -> Stat:
    mode, uid, gid, size, links, inode, mtime, owner, group, label = found.groups()[:10]
    nowhere = not real.startswith("/") or (path.startswith("/proc/") and ":[" in real)
    return Stat(
        path=path,
        real=path if nowhere else real,
        kind=kind_of(int(mode, 16)),
        mode=mode_of.S_IMODE(int(mode, 16)),
        uid=int(uid),
        gid=int(gid),
        owner=owner if owner != "UNKNOWN" else uid,
        group=group if group != "UNKNOWN" else gid,
        size=int(size),
        links=int(links),
        inode=inode,
        mtime=int(mtime),
        label=label if _LABEL.fullmatch(label) else None,
        at=at,
    )


def _errors(looked: Reply) -> list[str]:
    """What stat complained of, but for what is simply not there and for labels that cannot be had."""
    lines = looked.err.decode("utf-8", "surrogateescape").split("\n")
    return [
        line
        for line in lines
        if line and "security context" not in line and line.rpartition(": ")[2].lower() not in _GONE
    ]


def _why(path: str, errors: list[str]) -> Absent | Unknown:
    """Why a path has no record: the complaint that names it; without one, it is not there.

    stat quotes odd names in ways of its own, so with these any complaint may be about them.
    """
    plain = _QUOTED_PLAINLY.fullmatch(path) is not None
    mine = [line for line in errors if f"'{path}'" in line or f" {path}:" in line or not plain]
    return Unknown(f"{path}: {mine[0].rpartition(': ')[2].lower()}") if mine else Absent(f"there is no {path}")


def _bytes(path: str, reply: Reply) -> bytes:
    if reply.code == "0":
        return bytes(reply.out)
    if reply.code == OTHER_KIND:
        raise Unknown(f"{path}: not a regular file")
    if reply.code in _TIMED_OUT:
        raise Unknown(f"{path}: could not be read within {TIMEOUT} s")
    said = reply.err.decode("utf-8", "replace").strip().rpartition("\n")[2]
    reason = said.rpartition(": ")[2].lower() or "it could not be read"
    raise Absent(f"there is no {path}") if reason in _GONE else Unknown(f"{path}: {reason}")
