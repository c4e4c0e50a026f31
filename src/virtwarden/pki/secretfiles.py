"""Files that hold secrets, written so that nobody else can read them at any moment and that none is ever half there.

Each is written to a new name beside its own, with its mode from the first byte on, synced, and then renamed. A folder
that is not there yet is made whole under another name, and then renamed likewise.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from virtwarden.complaint import Complaint

Existing = Literal["refuse", "replace"]
"""What is done about a file that is there already."""

AUTHORITY_MARKS = ("cakey.pem", "issued.json")
"""What an authority's folder holds, and no other one."""

SECRET, OPEN = 0o600, 0o644
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LARGEST = 1 << 20  # bytes of a certificate, a key, a list


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into a file, the file's mode, and what is done about another one that is there already, unless all
    are to be replaced."""

    data: bytes = field(repr=False)
    mode: int = OPEN
    existing: Existing = "refuse"


Tree = Mapping[str, Content]
"""Contents by path below a folder."""


def read(path: Path, largest: int = _LARGEST) -> bytes:
    """A regular file of so many bytes at most. Raises `FileNotFoundError` where there is none, else `Complaint`."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not path.is_file():
                raise Complaint(f"{path} is not a file")
            data = file.read(largest + 1)
    except (FileNotFoundError, NotADirectoryError) as missing:
        raise FileNotFoundError(missing.errno, missing.strerror, str(path)) from None
    except OSError as refused:
        raise Complaint(f"{path} cannot be read: {refused.strerror}") from None
    if len(data) > largest:
        raise Complaint(f"{path} is larger than what it should hold can be")
    return data


def is_there(path: Path) -> bool:
    """Whether there is something at this path. Raises `Complaint` where that cannot be told."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as refused:
        raise Complaint(f"{path} cannot be looked at: {refused.strerror}") from None
    return True


def require_absent(target: Path, paths: Iterable[str]) -> None:
    """Raises `Complaint` where one of these is there already."""
    for path in paths:
        if os.path.lexists(target / path):
            raise Complaint(f"{target / path} is there already; give --replace to write it anew")


def require_no_authority(target: Path) -> None:
    """Raises `Complaint` for an authority's folder, and for what is in it: nothing else is written there."""
    resolved = Path(os.path.realpath(target))  # which a loop of symbolic links does not stop
    for folder in (resolved, *resolved.parents):
        if all(os.path.lexists(folder / name) for name in AUTHORITY_MARKS):
            raise Complaint(f"{target} is in the authority's own folder; what is issued is written elsewhere")


def require_room(target: Path, tree: Tree, existing: Existing) -> None:
    """Raises `Complaint` where the tree cannot be placed: something is in its way, or the folder is open to others."""
    if not os.path.lexists(target):
        _require_folder(target.parent)
        return
    _require_folder(target)
    if target.stat().st_uid not in (0, os.geteuid()):
        raise Complaint(f"{target} belongs to another user; take a folder of your own")
    for path, content in tree.items():
        file = target / path
        if not os.path.lexists(file):
            continue
        if not file.is_file() or file.is_symlink():
            raise Complaint(f"{file} is in the way, and is not a plain file")
        if "replace" not in (existing, content.existing) and read(file) != content.data:
            raise Complaint(f"{file} is there already; give --replace to write it anew")
    for folder in {(target / path).parent for path in tree}:
        if os.path.lexists(folder):
            _require_folder(folder)


def place(target: Path, tree: Tree, existing: Existing = "refuse") -> None:
    """Have the tree in this folder. Where the folder is new, it appears whole; else each of its folders has all its
    files renamed into place after the last one is on disk. Raises `Complaint`."""
    require_room(target, tree, existing)
    try:
        if os.path.lexists(target) and any(os.scandir(target)):
            _add(target, tree)
        else:
            _appear(target, tree)
    except OSError as refused:
        raise Complaint(f"{target} cannot be written: {refused.strerror}") from None


def place_file(path: Path, content: Content, existing: Existing = "refuse") -> None:
    """Have one file. Raises `Complaint`."""
    place_beside(path.parent, {path.name: content}, existing)


def place_beside(folder: Path, tree: Tree, existing: Existing) -> None:
    """Have these files in a folder that is there already. Raises `Complaint`."""
    if not os.path.lexists(folder):
        raise Complaint(f"there is no folder {folder}")
    require_room(folder, tree, existing)
    try:
        _add(folder, tree)
    except OSError as refused:
        raise Complaint(f"{folder} cannot be written: {refused.strerror}") from None


def synced(folder: Path) -> None:
    """Have the names in a folder on disk. Raises `OSError`."""
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


def replace(folder: Path, tree: Mapping[str, Content]) -> None:
    """Write files of one folder, without a look at what was there. Raises `OSError`."""
    with _opened(folder) as descriptor:
        drafts: dict[str, str] = {}
        try:
            for name, content in tree.items():
                drafts[name] = f".{name}.{secrets.token_hex(8)}"
                _write(drafts[name], content, descriptor)
            for name in tree:
                os.rename(drafts[name], name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
                del drafts[name]
            os.fsync(descriptor)
        finally:
            for draft in drafts.values():
                with suppress(OSError):
                    os.unlink(draft, dir_fd=descriptor)


def _appear(target: Path, tree: Tree) -> None:
    _require_folder(target.parent)
    draft = target.parent / f".{target.name}.{secrets.token_hex(8)}"
    os.mkdir(draft, 0o700)
    try:
        _add(draft, tree)
        os.rename(draft, target)
    except OSError as refused:
        shutil.rmtree(draft, ignore_errors=True)
        if refused.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise Complaint(f"{target} was made by another command meanwhile; nothing was written") from None
        raise
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    synced(target.parent)


def _add(target: Path, tree: Tree) -> None:
    by_folder: dict[str, dict[str, Content]] = {}
    for path, content in tree.items():
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, {})[name] = content
    for folder in sorted(by_folder):
        _make(target, folder)
    for folder, files in by_folder.items():
        replace(target / folder, files)


def _make(target: Path, folder: str) -> None:
    made = target
    for step in folder.split("/") if folder else ():
        made /= step
        with suppress(FileExistsError):
            os.mkdir(made, 0o700)
            synced(made.parent)


def _write(name: str, content: Content, folder: int) -> None:
    descriptor = os.open(name, _NEW, content.mode, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.data)
        file.flush()
        os.fsync(descriptor)


def _require_folder(folder: Path) -> None:
    try:
        found = folder.stat()
    except OSError as refused:
        raise Complaint(f"{folder} cannot be used: {refused.strerror}") from None
    if not folder.is_dir():
        raise Complaint(f"{folder} is not a folder")
    if found.st_mode & 0o022 and not found.st_mode & 0o1000:
        raise Complaint(f"{folder} can be written by others; take a folder of your own, or chmod go-w {folder}")


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
