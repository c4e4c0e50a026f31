"""Hosts kept as one readable text each, and a source that answers from it.

A bundle is a header line, then entries, each a line that begins with `--- ` and the text that follows it:

    host kvm1.example.com 2026-03-01T12:00:00Z
    --- file /etc/libvirt/qemu.conf 0600 root:root label=system_u:object_r:virt_etc_t:s0
    security_driver = "selinux"
    --- dir /etc/pki/libvirt/private 0750 root:root
    --- link /etc/rc.d/rc3.d/S97libvirtd ../init.d/libvirtd
    --- socket /run/libvirt/libvirt-sock 0777 root:root
    --- run 0 sysctl -a
    --- run-user 1 nft -j list ruleset
    --- hex /dev/dm-2 0660 root:disk kind=block

Directories on the way exist by themselves, 0755 of root. `size=`, `inode=`, `links=` and `label=` may follow the
owner. Names of users and groups are looked up in the bundle's own /etc/passwd and /etc/group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from virtwarden.host import Absent, Head, Kind, Output, Stat, Text, Unknown, Want
from virtwarden.sources.pattern import expand

_MARK = "--- "
_LINKS = 20
_ALIVE = ("/proc/", "/sys/", "/run/", "/selinux/", "/cgroup/", "/dev/shm/")
_NOTHING = b""


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of a host's file system."""

    kind: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    data: bytes = _NOTHING
    target: str = ""
    more: dict[str, str] = field(default_factory=dict)


@dataclass
class Bundle:
    """A host of texts. Its views answer as a source would that sees less: another user, or an image."""

    name: str
    taken_at: datetime
    nodes: dict[str, Node]
    commands: dict[tuple[str, ...], tuple[int, str]]
    commands_of_user: dict[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._names: dict[str, set[str]] = {"/": set()}
        for path in list(self.nodes):
            place = path
            while place != "/":
                parent, _, name = place.rpartition("/")
                self._names.setdefault(parent or "/", set()).add(name)
                place = parent or "/"
        self._uids = _ids(self._plain("/etc/passwd"))
        self._gids = _ids(self._plain("/etc/group"))

    def read(self, path: str) -> Text:
        """The text of a file."""
        return Text(path, self._data(path).decode("utf-8", "surrogateescape"), self.taken_at)

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a file or a block device."""
        return Head(path, self._data(path)[:length], self.taken_at)

    def stat(self, path: str) -> Stat:
        """What the bundle says of a path, links followed."""
        real = self.resolved(path)
        node = self.node(real)
        more = node.more
        return Stat(
            path=path,
            real=real,
            kind=cast(Kind, node.kind),
            mode=node.mode,
            uid=self._uids.get(node.owner, 0),
            gid=self._gids.get(node.group, 0),
            owner=node.owner,
            group=node.group,
            size=int(more.get("size", len(node.data))),
            links=int(more.get("links", 1)),
            inode=more.get("inode", f"8:{sum(map(ord, real)) * 1000 + len(real)}:{real}"),
            mtime=int(self.taken_at.timestamp()) - 86400,
            label=more.get("label"),
            at=self.taken_at,
        )

    def glob(self, pattern: str) -> list[str]:
        """The paths that match."""
        return expand(pattern, self._listed, self._exists)

    def run(self, *argv: str) -> Output:
        """A command's output."""
        found = self.commands.get(argv)
        if found is None:
            raise Absent(f"{argv[0]} is not installed")
        return Output(argv, found[0], found[1], "", self.taken_at)

    def fetch(self, wants: Iterable[Want]) -> None:
        """Everything is here."""

    def resolved(self, path: str) -> str:
        """Where a path leads, links followed. Raises `Absent`."""
        done = ""
        pending = path.split("/")[:0:-1]
        for _ in range(200):
            if not pending:
                return done or "/"
            part = pending.pop()
            if part == "..":
                done = done.rpartition("/")[0]
            elif part not in ("", "."):
                node = self.node(f"{done}/{part}")
                done, pending = _step(done, part, node, pending)
        raise Unknown(f"{path}: too many levels of symbolic links")

    def node(self, path: str) -> Node:
        """What stands at a path itself."""
        found = self.nodes.get(path)
        if found is not None:
            return found
        if path in self._names:
            return Node("dir")
        raise Absent(f"there is no {path}")

    def _data(self, path: str) -> bytes:
        node = self.node(self.resolved(path))
        if node.kind in ("dir", "socket", "char"):
            raise Unknown(f"{path}: a {node.kind} has no text")
        return node.data

    def _plain(self, path: str) -> str:
        return self.nodes[path].data.decode() if path in self.nodes else ""

    def _listed(self, directory: str) -> list[str]:
        real = self.resolved(directory)
        if self.node(real).kind != "dir":
            raise Absent(f"{directory} is no directory")
        return sorted(self._names.get(real, set()))

    def _exists(self, path: str) -> bool:
        parent, _, name = path.rpartition("/")
        try:
            return name in self._names.get(self.resolved(parent or "/"), set())
        except Absent:
            return False


class AsUser(Bundle):
    """What an ordinary user without groups sees of a host."""

    def read(self, path: str) -> Text:
        self._require(path, 0o4)
        return super().read(path)

    def head(self, path: str, length: int) -> Head:
        self._require(path, 0o4)
        return super().head(path, length)

    def stat(self, path: str) -> Stat:
        self._search(path)
        return super().stat(path)

    def run(self, *argv: str) -> Output:
        """What the user gets in place of root's answer, where that differs."""
        said = self.commands_of_user.get(argv)
        return super().run(*argv) if said is None else Output(argv, said[0], said[1], "", self.taken_at)

    def _require(self, path: str, bit: int) -> None:
        self._search(path)
        if not self.node(self.resolved(path)).mode & bit:
            raise Unknown(f"{path}: permission denied")

    def _search(self, path: str) -> None:
        real = self.resolved(path)
        while real != "/":
            real = real.rpartition("/")[0] or "/"
            if not self.node(real).mode & 0o1:
                raise Unknown(f"{path}: permission denied")

    def _listed(self, directory: str) -> list[str]:
        self._require(directory, 0o4)
        return super()._listed(directory)

    def _exists(self, path: str) -> bool:
        if super()._exists(path):
            parent = path.rpartition("/")[0] or "/"
            self._search(path)
            if not self.node(self.resolved(parent)).mode & 0o1:
                raise Unknown(f"{path}: permission denied")
            return True
        self._search_parent(path)
        return False

    def _search_parent(self, path: str) -> None:
        parent = path.rpartition("/")[0] or "/"
        try:
            real = self.resolved(parent)
        except Absent:
            return
        if not self.node(real).mode & 0o1:
            raise Unknown(f"{path}: permission denied")


def load(path: Path, kind: type[Bundle] = Bundle) -> Bundle:
    """The host in a file."""
    header, _, rest = path.read_text().partition("\n")
    word, name, moment = header.split()
    if word != "host":
        raise ValueError(f"{path}: no bundle")
    nodes: dict[str, Node] = {}
    commands: dict[str, dict[tuple[str, ...], tuple[int, str]]] = {"run": {}, "run-user": {}}
    for words, text in _entries(rest):
        if words[0] in commands:
            commands[words[0]][tuple(words[2:])] = int(words[1]), text
        else:
            nodes[words[1]] = _node(words, text)
    return kind(name, datetime.fromisoformat(moment).astimezone(UTC), nodes, commands["run"], commands["run-user"])


def _entries(text: str) -> Iterator[tuple[list[str], str]]:
    for piece in f"\n{text}".split(f"\n{_MARK}")[1:]:
        head, _, body = piece.partition("\n")
        yield head.split(), f"{body}\n" if body else ""


def _node(words: list[str], text: str) -> Node:
    kind = words[0]
    if kind == "link":
        return Node("link", target=words[2])
    mode = int(words[2], 8) if len(words) > 2 else 0o644
    owner, _, group = (words[3] if len(words) > 3 else "root:root").partition(":")
    more = dict(word.split("=", 1) for word in words[4:])
    data = bytes.fromhex("".join(text.split())) if kind == "hex" else _plain(text)
    shown = {"hex": more.pop("kind", "file")}.get(kind, kind)
    return Node(shown, mode, owner, group, data, more=more)


def _plain(text: str) -> bytes:
    """`␀` stands for a byte of zero, with which such files end and not with a line's end."""
    return (text.rstrip("\n").replace("␀", "\0") if "␀" in text else text).encode()


def _step(done: str, part: str, node: Node, pending: list[str]) -> tuple[str, list[str]]:
    if node.kind != "link":
        return f"{done}/{part}", pending
    return ("" if node.target.startswith("/") else done), [*pending, *reversed(node.target.split("/"))]


def _ids(text: str) -> dict[str, int]:
    found = (line.split(":") for line in text.splitlines() if line.count(":") > 2)
    return {fields[0]: int(fields[2]) for fields in found}
