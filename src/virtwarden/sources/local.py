"""This machine: its file system and its commands, read without changing or waiting on anything.

Devices, sockets and named pipes are never opened for their text: opening some of them acts on the machine.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from virtwarden.host import Absent, Head, Kind, Output, Stat, Text, Want
from virtwarden.sources import process
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


class Local:
    """The machine that this program runs on."""

    def __init__(self, *, timeout: float = process.TIMEOUT, limit: int = READ_LIMIT) -> None:
        self.name = "this host"
        self.taken_at = datetime.now(UTC)
        self._timeout = timeout
        self._limit = limit

    def read(self, path: str) -> Text:
        """The text of a regular file."""
        data = _bytes(path, self._limit + 1, ("file",))
        return Text(path, decoded(path, data, self._limit), datetime.now(UTC))

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a regular file or a block device."""
        return Head(path, _bytes(path, min(length, self._limit), ("file", "block")), datetime.now(UTC))

    def stat(self, path: str) -> Stat:
        """What the file system says of a path, links followed."""
        try:
            found = os.stat(absolute(path))
        except (OSError, ValueError) as error:
            raise refusal(path, error) from None
        names = (_user(found.st_uid), _group(found.st_gid))
        return described(path, _real(path), found, names, label_of(path))

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, sorted."""
        return expand(absolute(pattern), _listed, _exists)

    def run(self, *argv: str) -> Output:
        """A command's output, within the time and size that are given to a command."""
        return process.run(argv, self._timeout)

    def fetch(self, wants: Iterable[Want]) -> None:
        """Nothing is far away."""


def _bytes(path: str, length: int, kinds: tuple[Kind, ...]) -> bytes:
    """Looked at before it is opened, and again after: opening a device can act on the machine."""
    try:
        readable(path, kind_of(os.stat(absolute(path)).st_mode), kinds)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            readable(path, kind_of(os.fstat(descriptor).st_mode), kinds)
            return read_up_to(descriptor, length)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise refusal(path, error) from None


def _real(path: str) -> str:
    """Where links end; the links below /proc that lead to no path stay as they are."""
    try:
        return os.path.realpath(path, strict=True)
    except OSError:
        return path


@lru_cache(maxsize=1024)
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(maxsize=1024)
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (OSError, ValueError) as error:
        raise refusal(directory, error) from None


def _exists(path: str) -> bool:
    try:
        os.lstat(path)
    except (OSError, ValueError) as error:
        refused = refusal(path, error)
        if isinstance(refused, Absent):
            return False
        raise refused from None
    return True
