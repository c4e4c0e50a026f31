"""A mounted image: the files of a machine that does not run.

Symbolic links are resolved inside the image, one component at a time and by file descriptor, so that no link,
however hostile, leads to a file of the machine that looks at it. What only a running kernel makes is `Unknown`.
"""

from __future__ import annotations

import errno
import os
import stat as mode_of
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property

from virtwarden.host import Absent, Head, Output, Stat, Text, Unknown, Want
from virtwarden.sources import SourceError
from virtwarden.sources.files import (
    READ_LIMIT,
    absolute,
    decoded,
    described,
    kind_of,
    label_of,
    read_up_to,
    readable,
    refusal,
)
from virtwarden.sources.pattern import expand

_ALIVE_ONLY = (("proc",), ("sys",), ("run",), ("dev",), ("var", "run"), ("var", "lock"))
_ALIVE_DEPTH = max(map(len, _ALIVE_ONLY))
_LINKS = 40
_WAYS = 32


class Root:
    """The machine whose root file system is mounted at a directory."""

    def __init__(self, directory: str) -> None:
        self.name = directory
        self.taken_at = datetime.now(UTC)
        if not os.path.isdir(os.path.join(directory, "etc")):
            raise SourceError(f"{directory} is not the root of a system: it has no directory etc")
        self._directory = os.path.realpath(directory)
        self._waiting: dict[str, _Walk] = {}

    def read(self, path: str) -> Text:
        """The text of a regular file inside the image."""
        return Text(path, decoded(path, self._bytes(path, READ_LIMIT + 1)), datetime.now(UTC))

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a regular file inside the image."""
        return Head(path, self._bytes(path, min(length, READ_LIMIT)), datetime.now(UTC))

    def stat(self, path: str) -> Stat:
        """What the image says of a path; its own passwd and group files name the owners."""
        with self._found(path) as (descriptor, real):
            found = os.fstat(descriptor)
            label = label_of(f"/proc/self/fd/{descriptor}")
        names = (
            self._users.get(found.st_uid, str(found.st_uid)),
            self._groups.get(found.st_gid, str(found.st_gid)),
        )
        return described(path, real, found, names, label)

    def glob(self, pattern: str) -> list[str]:
        """The paths inside the image that match, sorted."""
        return expand(absolute(pattern), self._listed, self._exists)

    def run(self, *argv: str) -> Output:
        """Never: the programs of an image are not run."""
        raise Unknown(f"{argv[0]} is not run: {self.name} is an image, not a running machine")

    def fetch(self, wants: Iterable[Want]) -> None:
        """Nothing is far away."""

    @cached_property
    def _users(self) -> dict[int, str]:
        return self._names("/etc/passwd")

    @cached_property
    def _groups(self) -> dict[int, str]:
        return self._names("/etc/group")

    def _names(self, path: str) -> dict[int, str]:
        """The names by number; the first line of a number counts, as for the C library."""
        try:
            lines = self.read(path).lines
        except (Absent, Unknown):
            return {}
        fields = [line.split(":") for line in reversed(lines)]
        return {int(field[2]): field[0] for field in fields if len(field) > 2 and field[2].isdecimal()}

    def _bytes(self, path: str, length: int) -> bytes:
        with self._found(path) as (descriptor, _):
            readable(path, kind_of(os.fstat(descriptor).st_mode))
            opened = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return read_up_to(opened, length)
            finally:
                os.close(opened)

    def _listed(self, directory: str) -> list[str]:
        with self._found(directory) as (descriptor, _):
            opened = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                return os.listdir(opened)
            finally:
                os.close(opened)

    def _exists(self, path: str) -> bool:
        """A link that leads nowhere exists too, as in a shell."""
        parent, _, name = path.rpartition("/")
        try:
            with self._found(parent or "/") as (descriptor, real):
                _alive_only(path, [part for part in (*real.split("/"), name) if part])
                os.lstat(name or ".", dir_fd=descriptor)
        except Absent:
            return False
        return True

    @contextmanager
    def _found(self, path: str) -> Iterator[tuple[int, str]]:
        """A descriptor of what a path leads to inside the image, and the path without links."""
        try:
            directory, _, name = absolute(path).rpartition("/")
            walk = self._waiting.pop(directory, None) or _Walk(path, self._directory, directory)
            kept = False
            try:
                mark = walk.names
                walk.follow(path, name)
                yield walk.top, walk.real
                kept = walk.back_to(mark)
            finally:
                self._keep(directory, walk) if kept else walk.close()
        except (OSError, ValueError) as error:
            raise refusal(path, error) from None

    def _keep(self, directory: str, walk: _Walk) -> None:
        """Keep the way to a directory open: most questions are about files that lie side by side."""
        if directory in self._waiting:
            walk.close()
            return
        self._waiting[directory] = walk
        while len(self._waiting) > _WAYS:
            self._waiting.pop(next(iter(self._waiting))).close()


class _Walk:
    """The way from the root of an image to one of its files: the directories that are open, outermost first."""

    def __init__(self, path: str, root: str, directory: str) -> None:
        self._names: list[str] = []
        self._open = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        try:
            self.follow(path, directory)
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        self.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The directories on the way, outermost first."""
        return tuple(self._names)

    @property
    def top(self) -> int:
        return self._open[-1]

    @property
    def real(self) -> str:
        return "/" + "/".join(self._names)

    def close(self) -> None:
        self._back_to(-1)

    def back_to(self, names: tuple[str, ...]) -> bool:
        """Return to a directory that was on the way; says whether it still is."""
        if tuple(self._names[: len(names)]) != names:
            return False
        self._back_to(len(names))
        return True

    def follow(self, asked: str, way: str) -> None:
        """Go on from here; `asked` is what is named where a place is not part of an image."""
        pending = way.split("/")[::-1]
        links = 0
        while pending:
            name = pending.pop()
            if name == "..":
                self._back_to(max(len(self._names) - 1, 0))
            elif name not in {"", "."}:
                target = self._step(asked, name)
                if target is None:
                    continue
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                if target.startswith("/"):
                    self._back_to(0)
                pending.extend(reversed(target.split("/")))

    def _step(self, asked: str, name: str) -> str | None:
        """Go down one name; where that is a symbolic link, stay and return its target."""
        if len(self._names) < _ALIVE_DEPTH:
            _alive_only(asked, [*self._names, name])
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.top)
        if mode_of.S_ISLNK(os.fstat(descriptor).st_mode):
            try:
                return os.readlink("", dir_fd=descriptor)
            finally:
                os.close(descriptor)
        self._open.append(descriptor)
        self._names.append(name)
        return None

    def _back_to(self, depth: int) -> None:
        while len(self._open) > depth + 1:
            os.close(self._open.pop())
        del self._names[max(depth, 0) :]


def _alive_only(path: str, names: list[str]) -> None:
    for place in _ALIVE_ONLY:
        if tuple(names[: len(place)]) == place:
            raise Unknown(f"{path}: /{'/'.join(place)} is not part of an image")
