"""The parsers of the sources as functions of bytes, with a few honest inputs to spoil."""

from __future__ import annotations

import io
import json
import tarfile

import msgspec

from tests.kit import NOW
from tests.sources.archives import SIGN, TOP, add, ran
from tests.sources.planted import OUTPUTS, TEXTS
from virtwarden.host import Absent, Unknown
from virtwarden.sources.blanking import Blanker
from virtwarden.sources.redact import redact_head, redact_output, redact_text
from virtwarden.sources.remotereply import Reply, Stream, kept_from, output_of, paths_of, stats_of
from virtwarden.sources.remotescript import shell_pattern
from virtwarden.sources.sosnotes import listings, mangled, manifest
from virtwarden.sources.sshurl import parse
from virtwarden.sources.tarstream import Tar

LISTING = b"/boot:\ntotal 4\n-rw-------. 1 0 0 12 Nov  3 12:00 a\nlrwxrwxrwx 1 0 0 1 2026-01-01 12:00 l -> x\n"
MANIFEST = json.dumps(
    ran("kernel", commands=[("uname -a", "sos_commands/kernel/uname_-a", 0)], copied=["run/"])
).encode()
STREAM = (
    b"noise\nw b 1.s\n81a4\t0\t0\t3\t1\t8:1\t1\troot\troot\t?\t/x\tw\n\nw e 1.s 0\n"
    b"\nw b 1.r\n/x\0\nw e 1.r 0\n\nw b 2\n+/x\0-/y\0\nw e 2 0\n\nw z 1\n"
)  # fmt: skip


def _tar(dialect: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=dialect) as tar:
        for name, data in {**SIGN, "etc/" + "x" * 120: b"y" * 600}.items():
            add(tar, f"{TOP}/{name}", data, label="a:b:c" if dialect == tarfile.PAX_FORMAT else None)
        add(tar, f"{TOP}/link", kind=tarfile.SYMTYPE, link="y" * 120)
    return buffer.getvalue().rstrip(b"\0") + bytes(1024)


TARS = (_tar(tarfile.PAX_FORMAT), _tar(tarfile.GNU_FORMAT))
SECRETS = tuple(
    text.encode("utf-8", "surrogateescape")
    for text in [text for _, text, _ in TEXTS] + [text for _, text, _ in OUTPUTS]
)


def tar(data: bytes) -> object:
    """Members and what they hold."""
    archive = Tar(io.BytesIO(data))
    return [(member.name, archive.content(2**20)) for member in archive]


def notes(data: bytes) -> object:
    """sos's own account, and a listing of its."""
    text = data.decode("utf-8", "surrogateescape")
    return manifest(data), listings("ls_-lanR_.boot", text), mangled(text.split())


def replies(data: bytes) -> object:
    """A stream of replies, and every way to read them."""
    stream = Stream(b"w")
    for start in range(0, len(data), 1000):
        stream.feed(data[start : start + 1000])
    stream.end()
    said = [
        Reply(bytes(out), bytes(out), stream.codes.get(number, "0"), NOW) for number, out in stream.replies.items()
    ]
    for reply in said:
        kept_from(reply)
        paths_of("/*", reply)
        stats_of("w", ("/x", "/y z"), reply, reply)
        try:
            output_of(("x",), reply)
        except (Absent, Unknown):
            continue
    return len(said)


def redaction(data: bytes) -> object:
    """Redacted as a text, as an output and as a head; redacting again must change nothing."""
    text = data.decode("utf-8", "surrogateescape")
    for path in ("/etc/x", "/etc/shadow", "/boot/grub/menu.lst", "/proc/7/cmdline"):
        once = redact_text(path, text, Blanker())
        if redact_text(path, once, Blanker()) != once or once.count("\n") != text.count("\n"):
            raise AssertionError(path)
    head = redact_head("/dev/x", data, Blanker())
    if redact_head("/dev/x", head, Blanker()) != head:
        raise AssertionError("head")
    return redact_output(("ps", "ax"), text, Blanker())


def address(data: bytes) -> object:
    """A URL, and a pattern quoted for a shell."""
    text = data.decode("utf-8", "surrogateescape")
    return shell_pattern(text), parse(text)


def recorded(data: bytes) -> object:
    """One line of a recording."""
    from virtwarden.sources.recording import _parsed  # noqa: PLC0415  # its reader is private on purpose

    return _parsed("r", 2, data)


def lines() -> tuple[bytes, ...]:
    """Lines of recordings of every kind."""
    at = msgspec.to_builtins(NOW)
    answers: list[dict[str, object]] = [
        {"ask": "read", "of": ["/x"], "gave": {"path": "/x", "text": "t\udcff", "at": at}},
        {"ask": "glob", "of": ["/*"], "gave": ["/a"]},
        {"ask": "run", "of": ["x"], "gave": {"argv": ["x"], "code": 0, "stdout": "", "stderr": "", "at": at}},
        {"ask": "stat", "of": ["/x"], "absent": {"message": "no", "evidence": [{"text": "x", "at": at}]}},
        {"ask": "head", "of": ["/x"], "length": 4, "gave": {"path": "/x", "data": "AAAA", "at": at}},
    ]
    return tuple(json.dumps(answer).encode() for answer in answers)
