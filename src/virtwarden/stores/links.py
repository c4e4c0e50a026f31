"""Symbolic links below a root directory: read and put in place without being led out of the root."""

from __future__ import annotations

import os
import stat as mode_of
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from virtwarden.sources.walk import Walk, anywhere
from virtwarden.stores.images import StoreError


def names_in(root: str, directory: str) -> list[str]:
    """The names in a directory, sorted; none where it is missing."""
    try:
        with _opened(root, directory) as descriptor:
            return sorted(os.listdir(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return []


def target_of(root: str, path: str) -> str | None:
    """Where a link leads by its own words; None where there is no link of this name."""
    parent, _, name = path.rpartition("/")
    try:
        with _opened(root, parent) as descriptor:
            return os.readlink(name, dir_fd=descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:  # something of this name is no link
        return None


def text_of(root: str, path: str) -> str | None:
    """The text of a regular file, to which links may lead; None where there is none."""
    try:
        with _opened(root, path, 0) as descriptor:
            if not mode_of.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            with open(descriptor, "rb", closefd=False) as file:
                return file.read().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def put(root: str, path: str, target: str | None) -> None:
    """Have the link lead there, or not be. What is no link is never touched. Raises `StoreError`."""
    if target_of(root, path) == target:
        return
    parent, _, name = path.rpartition("/")
    try:
        if target is not None:
            _make_directory(root, parent)
        with _opened(root, parent) as directory:
            if not _may_go(directory, name):
                raise StoreError(f"{path} is no link")
            if target is None:
                os.unlink(name, dir_fd=directory)
            else:
                _replace(directory, name, target)
            os.fsync(directory)
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _may_go(directory: int, name: str) -> bool:
    try:
        return mode_of.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode)
    except FileNotFoundError:
        return True


def _replace(directory: int, name: str, target: str) -> None:
    temporary = f".{name}.virt-warden"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    os.symlink(target, temporary, dir_fd=directory)
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def _make_directory(root: str, path: str) -> None:
    parent, _, name = path.rpartition("/")
    with _opened(root, parent) as directory, suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=directory)


@contextmanager
def _opened(root: str, path: str, kind: int = os.O_DIRECTORY) -> Iterator[int]:
    walk = Walk(path, os.path.realpath(root), path, anywhere)
    try:
        descriptor = os.open(f"/proc/self/fd/{walk.top}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | kind)
    finally:
        walk.close()
    try:
        yield descriptor
    finally:
        os.close(descriptor)
