"""A recorded host whose files lie in a directory: what changes them can be tried on it, and looked at afterwards.

Files are those of the directory. What only a running system answers, and the heads of large files, are those of the
recording.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from virtwarden.host import Absent, Head, Output, Source, Stat, Text, Unknown, Want
from virtwarden.sources.recording import Snapshot
from virtwarden.sources.root import Root

_ALIVE = ("/proc/", "/sys/", "/run/", "/dev/", "/var/run/", "/var/lock/")
_READ_FILES = {("sshd", "-T"), ("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain", "--full")}
Owners = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Scratch:
    """The recording, seen through the directory that it was laid out in. `owners` are those that its files got."""

    recording: Source
    directory: Root
    owners: Owners

    @property
    def name(self) -> str:
        """The name of the recorded source."""
        return self.recording.name

    @property
    def taken_at(self) -> datetime:
        """The time of the recording."""
        return self.recording.taken_at

    def read(self, path: str) -> Text:
        """The text of a file in the directory; of what is not laid out there, that of the recording."""
        if path.startswith(_ALIVE):
            return self.recording.read(path)
        try:
            return self.directory.read(path)
        except Absent:
            if path in self.owners:
                raise
            return self._recorded_absence(path)

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a file, as they were recorded."""
        return self.recording.head(path, length)

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, in the recording or in the directory, without those that were taken away since."""
        recorded = self.recording.glob(pattern)
        if pattern.startswith(_ALIVE):
            return recorded
        here = set(self.directory.glob(pattern))
        return sorted(here | {path for path in recorded if path not in self.owners})

    def stat(self, path: str) -> Stat:
        """What the recording says of a path, with the permissions and owners that it has in the directory now."""
        if path.startswith(_ALIVE):
            return self.recording.stat(path)
        laid = self.owners.get(path)
        if laid is None:
            try:
                return self.recording.stat(path)
            except (Absent, Unknown):
                return self.directory.stat(path)
        now, recorded = self.directory.stat(path), self.recording.stat(path)
        found = replace(recorded, mode=now.mode, size=recorded.size if recorded.kind != "file" else now.size)
        if (now.uid, now.gid) == laid:
            return found
        return replace(found, uid=now.uid, gid=now.gid, owner=now.owner, group=now.group)

    def run(self, *argv: str) -> Output:
        """The output of a command, as it was recorded; none of one that reads files which may be others by now."""
        if argv in _READ_FILES:
            raise Unknown(f"{' '.join(argv)} is not run on a laid out recording")
        return self.recording.run(*argv)

    def fetch(self, wants: Iterable[Want]) -> None:
        """Everything is here already."""

    def _recorded_absence(self, path: str) -> Text:
        """What the recording has of a file that is not laid out: mostly that there is none."""
        try:
            return self.recording.read(path)
        except Unknown:
            raise Absent(f"there is no {path}") from None


def lay_out(recording: Snapshot, folder: Path) -> Scratch:
    """Make the files of a recording below a directory, which is empty. Owners are those of the recording for root, and
    our own for anybody else. Raises `OSError`."""
    return made_of(recording, recording.texts(), recording.stats(), folder)


def made_of(recording: Source, all_texts: Iterable[Text], all_stats: Iterable[Stat], folder: Path) -> Scratch:
    """The same of any source of which these texts and entries are known."""
    (folder / "etc").mkdir(parents=True, exist_ok=True)
    texts = {text.path: text.text for text in all_texts if not text.path.startswith(_ALIVE)}
    stats = {stat.path: stat for stat in all_stats if not stat.path.startswith(_ALIVE)}
    owners: dict[str, tuple[int, int]] = {}
    for path in sorted({*texts, *stats}):
        stat = stats.get(path)
        if stat is None or stat.kind in ("file", "dir"):  # what the recording says of devices stays
            _make(folder, path, texts.get(path), stat)
    for path in sorted({*texts, *stats}, reverse=True):
        made = folder / path.lstrip("/")
        if made.is_symlink() or not made.exists():
            continue
        stat = stats.get(path)
        if stat is not None:
            if os.geteuid() == 0:
                os.chown(made, stat.uid, stat.gid)
            made.chmod(stat.mode)
        found = made.stat()
        owners[path] = (found.st_uid, found.st_gid)
    return Scratch(recording, Root(str(folder)), owners)


def _make(folder: Path, path: str, text: str | None, stat: Stat | None) -> None:
    made = folder / path.lstrip("/")
    if os.path.lexists(made):
        return
    if stat is not None and stat.real != path:
        made.parent.mkdir(parents=True, exist_ok=True)
        made.symlink_to(stat.real)
        return
    if stat is not None and stat.kind == "dir":
        made.mkdir(parents=True, exist_ok=True)
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_bytes((text or "").encode("utf-8", "surrogateescape"))
