"""`virt-warden audit evidence`: the records behind an answer, in one file that can be handed on and checked."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import os
import re
import socket
import time
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.audit.options import Choice, add_window, telling, window_of
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.evidence import Criteria, Manifest, Occasion, make
from virtwarden.events.evidence.manifest import Basis
from virtwarden.events.logs import STDIN, find
from virtwarden.events.model import EventId
from virtwarden.report.phrases import count
from virtwarden.report.visible import visible

if TYPE_CHECKING:
    from virtwarden.events.evidence.signing import PrivateKey

_LONGEST_PASSPHRASE = 4096
_STAMP = re.compile(r"(\d{1,12})\.(\d{3}):(\d{1,20})", re.ASCII)


def run(words: list[str]) -> int:
    """Write the bundle and say what is in it."""
    chosen = options().parse_args(words)
    if chosen.output == "-":
        raise UsageError("evidence is written to a file that only you can read, not to standard output; name one")
    choice = window_of(chosen)
    if STDIN in choice.files:
        raise UsageError("evidence names the files that it is from, so it cannot be made of standard input")
    occasion = Occasion(time.time_ns() // 1_000_000, socket.gethostname(), _key(chosen))
    with telling() as skipped:
        try:
            manifest = make(chosen.output, find(choice.files), _criteria(choice, chosen), occasion, skipped)
        except OSError as wrong:
            raise UsageError(f"cannot write {chosen.output}: {wrong.strerror}") from None
    print(_said(chosen.output, manifest))
    return PASSED


def _criteria(choice: Choice, chosen: argparse.Namespace) -> Criteria:
    return Criteria(
        choice.vm, choice.uuid, choice.host, choice.window.start, choice.window.end,
        tuple(chosen.session), tuple(map(_id, chosen.id)),
    )  # fmt: skip


def _id(text: str) -> str:
    """An event's id as logs spell it."""
    host, slash, stamp = text.rpartition("/")
    found = _STAMP.fullmatch(stamp)
    if found is None or bool(host) != bool(slash):
        raise UsageError(f"{text} is no id; write TIME.MS:SERIAL, as --proof shows it")
    return f"{host}{slash}{EventId(int(found[1]) * 1000 + int(found[2]), int(found[3]))}"


def _key(chosen: argparse.Namespace) -> PrivateKey | None:
    if chosen.key is None:
        return None
    from virtwarden.events.evidence.signing import private_key  # noqa: PLC0415  # cryptography is slow to import

    def passphrase() -> bytes:
        return _passphrase(chosen.key, chosen.passphrase_fd)

    return private_key(chosen.key, passphrase)


def _passphrase(path: str, descriptor: int | None) -> bytes:
    """The passphrase from a file descriptor, or asked for at the terminal; never from arguments or environment."""
    if descriptor is not None:
        try:
            return os.read(descriptor, _LONGEST_PASSPHRASE).partition(b"\n")[0]
        except OSError as wrong:
            raise UsageError(
                f"no passphrase can be read from file descriptor {descriptor}: {wrong.strerror}"
            ) from None
    if not os.path.exists("/dev/tty") or not _has_terminal():
        raise UsageError(f"{path} is under a passphrase and there is no terminal: give it by --passphrase-fd")
    return getpass.getpass(f"passphrase of {path}: ").encode("utf-8", "surrogateescape")


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _said(path: str, manifest: Manifest) -> str:
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            whole.update(piece)
    what = f"{count(manifest.sessions, 'session')} and {count(manifest.events, 'event')}"
    behind = f"{count(manifest.records, 'record')} behind them, of {count(len(manifest.sources), 'log')}"
    signer = (
        f"signed ({manifest.signer.algorithm}, key {manifest.signer.key[:16]}…)"
        if manifest.signer
        else "not signed"
    )
    wider = f"\n{_WIDER[manifest.basis]}" if manifest.basis in _WIDER else ""
    return (
        f"{visible(path)}: {what}, with the {behind}; {signer}{wider}\n"
        f"SHA-256 {whole.hexdigest()}\n"
        f"to check it: virt-warden audit verify {visible(path)}"
    )


_WIDER = {
    Basis.GUESTS: "what was asked hangs on more of the guests' records, so all of theirs are in it",
    Basis.HOSTS: "what was asked hangs on records of other guests of the host, so theirs are in it too",
    Basis.LOGS: "what was asked hangs on damaged records, so every line of the logs is in it",
}


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "audit evidence",
        "The records behind an answer, byte for byte, in a bundle that can be checked. It holds the guests' raw "
        "records and their companions, more than any list shows.",
    )
    add_window(made)
    made.add_argument("--session", metavar="ID", action="append", default=[], help="this session (may come again)")
    made.add_argument(
        "--id",
        metavar="TIME.MS:SERIAL",
        action="append",
        default=[],
        help="this event, also as HOST/TIME.MS:SERIAL (may come again)",
    )
    made.add_argument("-o", "--output", metavar="BUNDLE", required=True, help="where it goes; nothing is replaced")
    made.add_argument("--key", metavar="PRIVATE.pem", help="sign it: Ed25519, ECDSA or RSA, readable by you alone")
    made.add_argument("--passphrase-fd", metavar="N", type=int, help="read the key's passphrase from there")
    return made
