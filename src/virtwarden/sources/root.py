"""A mounted image: the files of a machine that does not run.

Symbolic links are resolved inside the image, one component at a time and by file descriptor, so that no link,
however hostile, leads to a file of the machine that looks at it. What only a running kernel makes is `Unknown`.
"""

from __future__ import annotations

import os
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
from virtwarden.sources.walk import Walk

_ALIVE_ONLY = (("proc",), ("sys",), ("run",), ("dev",), ("var", "run"), ("var", "lock"))
_ALIVE_DEPTH = max(map(len, _ALIVE_ONLY))
_WAYS = 32


class Root:
    """The machine whose root file system is mounted at a directory."""

    def __init__(self, directory: str) -> None:
        self.name = directory
        self.taken_at = datetime.now(UTC)
        if not os.path.isdir(directory):
            raise SourceError(f"there is no directory {directory}")
        if not os.path.isdir(os.path.join(directory, "etc")):
            raise SourceError(f"{directory} is not the root of a system: it has no directory etc")
        self._directory = os.path.realpath(directory)
        self._waiting: dict[str, Walk] = {}

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
            walk = self._waiting.pop(directory, None) or Walk(path, self._directory, directory, _alive_only)
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

    def _keep(self, directory: str, walk: Walk) -> None:
        """Keep the way to a directory open: most questions are about files that lie side by side."""
        if directory in self._waiting:
            walk.close()
            return
        self._waiting[directory] = walk
        while len(self._waiting) > _WAYS:
            self._waiting.pop(next(iter(self._waiting))).close()


def _alive_only(path: str, names: list[str]) -> None:
    if len(names) > _ALIVE_DEPTH:
        return
    for place in _ALIVE_ONLY:
        if tuple(names[: len(place)]) == place:
            raise Unknown(f"{path}: /{'/'.join(place)} is not part of an image")
