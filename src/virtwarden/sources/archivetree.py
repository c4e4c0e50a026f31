"""The files of an archive, or of an unpacked one, as a tree in which links never lead out.

An archive is read once from front to back; what is small is kept in memory, what is large is read again when asked
for. Nothing is ever written to disk.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import stat as mode_of
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Protocol, cast

from virtwarden.sources import SourceError
from virtwarden.sources.files import READ_LIMIT, kind_of, read_up_to
from virtwarden.sources.tarstream import MEMBER_LIMIT, Damaged, Member, Stream, Tar

SIZE_LIMIT = 4 * 2**30
KEPT_LIMIT = 128 * 2**20
_NAME_LIMIT = 4096
_KEPT_FILE = 256 * 2**10
_READ_ERRORS = (Damaged, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


class Tree(Protocol):
    """Entries by their paths, relative to the top, and their contents."""

    @property
    def entries(self) -> dict[str, Member]:
        """Every entry that the archive names; directories it only implies are not among them."""
        ...

    def content(self, name: str) -> bytes:
        """The bytes of a regular file, at most one more than is read of a file; raises `Damaged`."""
        ...


class ArchiveTree:
    """A tar archive, plain or compressed by gzip, xz, bzip2 or (where that program is installed) zstd."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.entries: dict[str, Member] = {}
        self._kept: dict[str, bytes] = {}
        try:
            with _unpacked(path) as stream:
                self._index(Tar(stream))
        except FileNotFoundError as error:
            raise SourceError(f"{path} cannot be read: {_words(error)}") from None
        except _READ_ERRORS as error:
            raise SourceError(f"{path} is damaged, or no archive: {_words(error)}") from None

    def content(self, name: str) -> bytes:
        """From memory, or from the archive once more."""
        kept = self._kept.get(name)
        if kept is not None:
            return kept
        member = self.entries[name]
        try:
            with _unpacked(self._path) as stream:
                _discard(stream, member.offset)
                return stream.read(min(member.size, READ_LIMIT + 1))
        except _READ_ERRORS as error:
            raise Damaged(_words(error)) from None

    def _index(self, tar: Tar) -> None:
        room = KEPT_LIMIT
        for member in tar:
            name = _inside(member.name)
            self.entries[name] = member
            self._kept.pop(name, None)
            if member.kind == "file" and not member.linked and member.size <= min(_KEPT_FILE, room):
                self._kept[name] = tar.content(_KEPT_FILE)
                room -= member.size


class DirectoryTree:
    """An archive that was unpacked into a directory."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.entries: dict[str, Member] = {}
        try:
            self._walk("")
        except OSError as error:
            raise SourceError(f"{error.filename or path} cannot be read: {_words(error)}") from None

    def content(self, name: str) -> bytes:
        """From the directory; a link that took the file's place is not followed."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(os.path.join(self._path, name), flags)
            try:
                return read_up_to(descriptor, READ_LIMIT + 1)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Damaged(_words(error)) from None

    def _walk(self, below: str) -> None:
        pending = [below]
        while pending:
            directory = pending.pop()
            with os.scandir(os.path.join(self._path, directory)) as found:
                for entry in found:
                    name = f"{directory}/{entry.name}" if directory else entry.name
                    self.entries[name] = _entry(name, entry)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(name)
            if len(self.entries) > MEMBER_LIMIT:
                raise SourceError(f"{self._path} holds more than {MEMBER_LIMIT} files")


def open_tree(path: str) -> Tree:
    """The tree at a path; raises `SourceError` where there is none that can be read."""
    return DirectoryTree(path) if os.path.isdir(path) else ArchiveTree(path)


def _entry(name: str, entry: os.DirEntry[str]) -> Member:
    found = entry.stat(follow_symlinks=False)
    link = os.readlink(entry.path) if mode_of.S_ISLNK(found.st_mode) else None
    return Member(
        name=name,
        kind="file" if link is not None else kind_of(found.st_mode),
        mode=mode_of.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size,
        mtime=int(found.st_mtime),
        symlink=link,
    )


def _inside(name: str) -> str:
    """A member's name as a path below the top; one that leads elsewhere makes the archive unusable."""
    if len(name) > _NAME_LIMIT:
        raise Damaged(f"a member's name is {len(name)} characters long")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or ".." in parts:
        raise Damaged(f"a member is named {name!r}, which leads out of the archive")
    return "/".join(parts)


class _Bounded:
    """A stream that refuses to give more than it may."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._left = SIZE_LIMIT

    def read(self, size: int, /) -> bytes:
        chunks: list[bytes] = []
        while size > 0 and (chunk := self._stream.read(size)):
            chunks.append(chunk)
            size -= len(chunk)
            self._left -= len(chunk)
            if self._left < 0:
                raise Damaged(f"it unpacks to more than {SIZE_LIMIT} bytes")
        return b"".join(chunks)


@contextmanager
def _unpacked(path: str) -> Iterator[Stream]:
    with open(path, "rb") as file:
        magic = file.peek(6)[:6]
        opening = next((opening for sign, opening in _COMPRESSIONS if magic.startswith(sign)), None)
        if opening is None:
            yield _Bounded(file)
        else:
            with opening(file) as stream:
                yield _Bounded(stream)


@contextmanager
def _by_zstd(file: IO[bytes]) -> Iterator[Stream]:
    """The program's output; the library is in no Python that this runs on."""
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    try:
        child = subprocess.Popen(
            ("zstd", "-dcq"), stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except FileNotFoundError:
        raise Damaged("it is compressed by zstd, which is not installed here") from None
    try:
        yield cast(Stream, child.stdout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _discard(stream: Stream, size: int) -> None:
    while size:
        chunk = stream.read(min(size, 2**20))
        if not chunk:
            raise Damaged("it has become shorter")
        size -= len(chunk)


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


_COMPRESSIONS: tuple[tuple[bytes, Callable[[IO[bytes]], AbstractContextManager[Stream]]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"\xfd7zXZ\0", lzma.open),
    (b"BZh", bz2.open),
    (b"\x28\xb5\x2f\xfd", _by_zstd),
)
