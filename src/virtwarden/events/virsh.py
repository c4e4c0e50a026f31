"""What a command line of virsh asks of guests: which one is to start or to stop, and how libvirt will tell of it.

Read as virsh reads it: options of its own first, then either a command and its words, or one word that holds several
commands with semicolons between them. What cannot be told for certain asks nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import msgspec

from virtwarden.events.model import Kind

_LONGEST = 4096
"""Characters of a word beyond which it is not taken for commands."""
_LAUNCHERS = frozenset(("sudo", "env", "nice", "nohup", "setsid", "time", "sh", "bash", "dash", "python3"))
"""What may stand in front of virsh; behind anything else it is only a word (`man virsh start`)."""
_LOCAL = re.compile(r"[\w+]+://(?:[^/@]*@)?(?:localhost|127\.0\.0\.1|\[::1\])?(?::\d+)?/")
_WITH_VALUE = frozenset(("connect", "debug", "escape", "keepalive-interval", "keepalive-count", "log"))
_WITHOUT = frozenset(("quiet", "timing"))

_HERE: dict[str, dict[Kind, tuple[str, ...]]] = {
    "start": {Kind.START: ("booted", "restored")},  # restored where it was saved by managedsave
    "create": {Kind.START: ("booted",)},
    "restore": {Kind.START: ("restored",)},
    "snapshot-revert": {Kind.STOP: ("from-snapshot",), Kind.START: ("from-snapshot",)},
    "migrate": {Kind.STOP: ("migrated",)},
    "destroy": {Kind.STOP: ("destroyed",)},
    "shutdown": {Kind.STOP: ("shutdown",)},
    "save": {Kind.STOP: ("saved",)},
    "managedsave": {Kind.STOP: ("saved",)},
}
"""The reasons with which libvirt tells of what a command made happen (virDomainAuditStart, virDomainAuditStop)."""
_ELSEWHERE: dict[str, dict[Kind, tuple[str, ...]]] = {"migrate": {Kind.START: ("migrated",)}}
"""The same for commands that are given to another host: only what comes from there is of this one."""
_OF_FILES = ("create", "restore")
_ALONE = ("start", "create", "destroy", "managedsave")
"""Commands that take one word only."""
_VALUED = frozenset(
    (
        "domain", "file", "mode", "xml", "pass-fds", "snapshotname", "desturi", "migrateuri", "graphicsuri",
        "listen-address", "dname", "timeout", "migrate-disks", "migrate-disks-detect-zeroes", "disks-port",
        "disks-uri", "comp-methods", "comp-mt-level", "comp-mt-threads", "comp-mt-dthreads", "comp-xbzrle-cache",
        "comp-zlib-level", "comp-zstd-level", "auto-converge-initial", "auto-converge-increment", "persistent-xml",
        "postcopy-bandwidth", "parallel-connections", "bandwidth", "tls-destination",
    )
)  # fmt: skip
"""Options of these commands whose value is the next word."""


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A guest, by name or uuid, is to start or to stop; libvirt tells of it with one of the reasons."""

    guest: str
    kind: Kind
    reasons: tuple[str, ...]


def asks(words: Sequence[str]) -> list[Ask]:
    """What a command line with virsh in it asks for; nothing where it is not virsh that is run."""
    at = next((at for at, word in enumerate(words) if _program(word) == "virsh"), None)
    if at is None or not all(word == "-c" or _program(word) in _LAUNCHERS for word in words[:at]):
        return []
    uri, rest = _options(words[at + 1 :])
    does = _HERE if not uri or _LOCAL.match(uri) else _ELSEWHERE
    found: list[Ask] = []
    for command in _commands(rest):
        verb = command[0]
        if verb == "connect":  # what follows is for another host, or another daemon
            break
        guest = _guest(verb, command[1:]) if verb in does else None
        if guest:
            found.extend(Ask(guest, kind, reasons) for kind, reasons in does[verb].items())
    return found


def _program(word: str) -> str:
    return word.rpartition("/")[2]


def _options(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The host that virsh connects to, and the words behind its own options: none where they let it do nothing."""
    uri, at = "", 0
    while at < len(words) and words[at].startswith("-"):
        word, at = words[at], at + 1
        if word == "--":
            break
        if word.startswith("--"):
            name, has_value, value = word[2:].partition("=")
            known = name in _WITH_VALUE or name in _WITHOUT
        else:
            value = word[1:].lstrip("qt")
            name, has_value, value = value[:1], value[1:], value[1:]
            known = name in "cdekKl"
        if not known:  # readonly, help, version, or unknown
            return "", ()
        if name and name not in _WITHOUT and not has_value:
            value, at = "".join(words[at : at + 1]), at + 1
        if name in ("c", "connect"):
            uri = value
    return uri, words[at:]


def _commands(words: Sequence[str]) -> Iterator[list[str]]:
    """The commands of a line, none of them empty."""
    if len(words) == 1:
        words = _split(words[0])
    command: list[str] = []
    for word in (*words, ";"):
        if word != ";":
            command.append(word)
        elif command:
            yield command
            command = []


def _split(text: str) -> list[str]:
    """The words of a line as virsh splits it, `;` among them."""
    if len(text) > _LONGEST:
        return []
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=";")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return [";" if word.strip(";") == "" and word else word for word in lexer]
    except ValueError:  # a quote without its end
        return []


def _guest(verb: str, words: Sequence[str]) -> str | None:
    """The guest that a command is about; None where that is not said, or virsh does not take it."""
    named: dict[str, str] = {}
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            plain.extend(rest)
        elif not word.startswith("--"):
            plain.append(word)
        else:
            name, has_value, value = word[2:].partition("=")
            named[name] = value if has_value or name not in _VALUED else next(rest, "")
    what = "file" if verb in _OF_FILES else "domain"
    guest = named[what] if what in named else "".join(plain[:1])
    plain = plain if what in named else plain[1:]
    if "help" in named or (verb in _ALONE and plain):
        return None
    return _stem(guest) if verb in _OF_FILES else guest


def _stem(path: str) -> str:
    """The name of a file without folders and its last suffix, which is as a rule the guest's."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name
