"""An archive of the sos tool, or its unpacked directory, as a host.

sos collects some files and some commands. What it did not collect is `Unknown`, and absent only where one of its
own listings shows that it is not there. It writes both streams of a command into one file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from virtwarden.host import Absent, Head, Output, Stat, Text, Unknown, Want
from virtwarden.sources import SourceError
from virtwarden.sources.archivetree import DirectoryTree, open_tree
from virtwarden.sources.files import READ_LIMIT, absolute, decoded, readable
from virtwarden.sources.pattern import expand, is_pattern
from virtwarden.sources.sosnotes import Manifest, Ran, listings, mangled, manifest, unrooted
from virtwarden.sources.tarstream import Damaged, Member

_LINKS = 40
_SIGNS = ("sos_commands", "sos_reports", "sos_logs")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DATE = re.compile(r"\w{3} (\w{3}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (?:UTC|GMT) (\d{4})")
_NOT_INSTALLED = re.compile(r"timeout: failed to run command|bash: .*: command not found")


class SosReport:
    """The host that an archive of sos was made on. Raises `SourceError` where it is none."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._tree = open_tree(path)
        self._top, entries = _below_top(path, self._tree.entries)
        self._entries = {**_run_by_both_names(entries), **entries}
        self._commands = {
            name.rpartition("/")[2]: name
            for name in sorted(self._entries, reverse=True)
            if name.startswith("sos_commands/") and self._entries[name].kind == "file"
        }
        self._manifest = self._read_manifest()
        self._listed = self._read_listings()
        self._names = _directories([*self._entries, *(f"{name[1:]}/" for name in self._listed)])
        self.taken_at = self._time()

    def close(self) -> None:
        """Nothing stays open."""

    def read(self, path: str) -> Text:
        """The text of a collected file."""
        name, member = self._found(path)
        readable(path, member.kind)
        if name.startswith("sos_strings/"):
            raise Unknown(f"{path}: only its end was collected in {self.name}")
        return Text(path, decoded(path, self._content(path, name, member)), self.taken_at)

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a collected file."""
        text = self.read(path).text
        return Head(path, text.encode("utf-8", "surrogateescape")[:length], self.taken_at)

    def stat(self, path: str) -> Stat:
        """What the archive keeps of a file: owner, mode, size and time, and the label where sos noted it."""
        name, member = self._found(path)
        if isinstance(self._tree, DirectoryTree) and not self._kept_owners():
            raise Unknown(f"{path}: the owners in {self.name} are those of whoever unpacked it")
        return Stat(
            path=path,
            real=f"/{name}",
            kind=member.kind,
            mode=member.mode,
            uid=member.uid,
            gid=member.gid,
            owner=member.owner or str(member.uid),
            group=member.group or str(member.gid),
            size=member.size,
            links=1,
            inode=f"0:{member.offset}",
            mtime=member.mtime,
            label=member.label,
            at=self.taken_at,
        )

    def glob(self, pattern: str) -> list[str]:
        """The collected paths that match, and those that a listing names.

        Raises `Unknown` where none match and no listing shows that there is none.
        """
        found = expand(absolute(pattern), self._children, self._exists)
        directory, _, last = pattern.rpartition("/")
        if not found and not self._shows_none(directory, last):
            raise Unknown(f"{pattern} was not collected in {self.name}")
        return found

    def run(self, *argv: str) -> Output:
        """The output of a command that sos ran, word for word as asked here."""
        ran = self._manifest.commands.get(unrooted(" ".join(argv))) or Ran(self._commands.get(mangled(argv)), None)
        if ran.code in {126, 127}:
            raise Absent(f"{argv[0]} is not installed")
        if ran.code == 124:
            raise Unknown(f"{' '.join(argv)}: did not end in time when {self.name} was made")
        if ran.path is None:
            raise Unknown(f"the output of {' '.join(argv)} was not collected in {self.name}")
        text = self.read(f"/{ran.path}").text
        if _NOT_INSTALLED.match(text):
            raise Absent(f"{argv[0]} is not installed")
        code = ran.code if ran.code is not None else int(text.startswith(f"{argv[0]}: "))
        return Output(argv, code, text, "", self.taken_at)

    def fetch(self, wants: Iterable[Want]) -> None:
        """Everything is here already."""

    def _found(self, path: str) -> tuple[str, Member]:
        """The entry that a path leads to, and its name."""
        name = self._resolved(absolute(path))
        member = self._entries.get(name)
        if member is None:
            raise Unknown(f"{path}: only what is below it was collected in {self.name}")
        if member.hardlink is None:
            return name, member
        repeated = member.hardlink.removeprefix(self._top)
        first = self._entries.get(repeated)
        if first is None or first.linked:
            raise Unknown(f"{path}: what it repeats was not collected in {self.name}")
        return repeated, first

    def _resolved(self, path: str) -> str:
        """The name that a path leads to, with every link followed inside the archive."""
        done: list[str] = []
        pending = path.split("/")[::-1]
        for _ in range(_LINKS):
            link = self._until_link(path, done, pending)
            if link is None:
                return "/".join(done)
            if link.startswith("/"):
                done.clear()
            pending.extend(reversed(link.split("/")))
        raise Unknown(f"{path}: too many levels of symbolic links")

    def _until_link(self, path: str, done: list[str], pending: list[str]) -> str | None:
        """Go down the path to its end, or to a link, whose target is the answer."""
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                del done[-1:]
                continue
            name = "/".join((*done, part))
            member = self._entries.get(name)
            if member is None and name not in self._names:
                raise self._missing(path, "/".join(done), part)
            if member is not None and member.symlink is not None:
                return member.symlink
            done.append(part)
            if name not in self._names and member is not None and member.kind != "dir" and any(pending):
                raise Absent(f"there is no {path}")
        return None

    def _missing(self, path: str, directory: str, part: str) -> Absent | Unknown:
        if self._is_complete(directory, part) and part not in self._listed.get(f"/{directory}", ()):
            return Absent(f"there is no {path}")
        return Unknown(f"{path} was not collected in {self.name}")

    def _is_complete(self, directory: str, part: str) -> bool:
        """Whether everything of this directory that a name or pattern can mean is known.

        Either sos listed the directory, or it copied it whole, but for its sockets, which it cannot copy.
        """
        if f"/{directory}" in self._listed:
            return not part.startswith(".")
        parts = directory.split("/")
        above = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        return "sock" not in part and any(name in self._manifest.copied and name in self._names for name in above)

    def _shows_none(self, directory: str, last: str) -> bool:
        """Whether it is certain that a pattern without matches has none."""
        if is_pattern(directory):
            return False
        try:
            return self._is_complete(self._resolved(directory), last)
        except Absent:
            return True
        except Unknown:
            return False

    def _children(self, directory: str) -> list[str]:
        name = self._resolved(directory)
        if name not in self._names and self._entries[name].kind != "dir":
            raise Absent(f"{directory} is no directory")
        return sorted(self._names.get(name, frozenset()) | self._listed.get(f"/{name}", frozenset()))

    def _exists(self, path: str) -> bool:
        parent, _, last = path.rpartition("/")
        try:
            name = self._resolved(parent)
        except (Absent, Unknown):
            return False
        return last in self._names.get(name, ()) or last in self._listed.get(f"/{name}", ())

    def _content(self, path: str, name: str, member: Member) -> bytes:
        if member.sparse:
            raise Unknown(f"{path}: kept as a sparse file in {self.name}, which is not read")
        try:
            return self._tree.content(self._top + name)
        except Damaged as wrong:
            raise Unknown(f"{path} in {self.name}: {wrong}") from None

    def _kept_owners(self) -> bool:
        """Whether the archive was unpacked by root, so that owners and modes are the host's."""
        member = self._entries.get("etc")
        return member is not None and member.uid == 0

    def _own(self, name: str) -> bytes:
        """One of sos's own files; nothing if there is none."""
        member = self._entries.get(name)
        if member is None or member.linked or member.kind != "file" or member.size > READ_LIMIT:
            return b""
        try:
            return self._content(name, name, member)
        except Unknown:
            return b""

    def _read_manifest(self) -> Manifest:
        return manifest(self._own("sos_reports/manifest.json"))

    def _read_listings(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for base, name in self._commands.items():
            if base.startswith("ls_"):
                found.update(listings(base, self._own(name).decode("utf-8", "surrogateescape")))
        return found

    def _time(self) -> datetime:
        """When sos ran `date`; failing that, when it wrote the last of its outputs."""
        name = self._commands.get("date", "")
        said = _DATE.search(self._own(name).decode("utf-8", "replace"))
        times = (
            [self._entries[name].mtime]
            if name
            else [self._entries[file].mtime for file in self._commands.values()]
        )
        try:
            if said is not None and said[1] in _MONTHS:
                day, hour, minute, second, year = map(int, said.group(2, 3, 4, 5, 6))
                return datetime(year, _MONTHS.index(said[1]) + 1, day, hour, minute, second, tzinfo=UTC)
            newest = max(times or (member.mtime for member in self._entries.values()))
            return datetime.fromtimestamp(newest, UTC)
        except (ValueError, OverflowError, OSError):
            raise SourceError(f"{self.name}: when it was made cannot be told") from None


def _below_top(path: str, entries: dict[str, Member]) -> tuple[str, dict[str, Member]]:
    """The one directory that everything is in, with a slash, and the entries below it."""
    tops = {name.partition("/")[0] for name in entries}
    if tops.intersection(_SIGNS):
        return "", entries
    for top in sorted(tops):
        if any(f"{top}/{sign}" in entries or _any_below(f"{top}/{sign}/", entries) for sign in _SIGNS):
            below = {
                name.removeprefix(f"{top}/"): member
                for name, member in entries.items()
                if name.startswith(f"{top}/")
            }
            return f"{top}/", below
    raise SourceError(f"{path} is no archive of the sos tool: it has no {' or '.join(_SIGNS)}")


def _any_below(prefix: str, entries: dict[str, Member]) -> bool:
    return any(name.startswith(prefix) for name in entries)


def _run_by_both_names(entries: dict[str, Member]) -> dict[str, Member]:
    """/run and /var/run are one directory on every host; sos may have collected it by either name alone."""
    one, other = (_any_below(f"{name}/", entries) for name in ("run", "var/run"))
    if one == other or {"run", "var/run"} <= entries.keys():
        return {}
    missing, there = ("var/run", "/run") if one else ("run", "/var/run")
    return {missing: Member(missing, "file", symlink=there)}


def _directories(names: list[str]) -> dict[str, frozenset[str]]:
    """What is in each directory, those included that names only imply; a name that ends in a slash is one."""
    children: dict[str, set[str]] = {name[:-1]: set() for name in names if name.endswith("/")}
    for name in names:
        below = name.rstrip("/")
        while below:
            parent, _, last = below.rpartition("/")
            known = children.setdefault(parent, set())
            if last in known:
                break
            known.add(last)
            below = parent
    return {directory: frozenset(names) for directory, names in children.items()}
