"""Where a name leads to below a root directory: links are followed, but never out of the root, and only those that
root or we have made."""

from __future__ import annotations

import os
import stat as mode_of
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from virtwarden.sources.walk import Walk, anywhere
from virtwarden.stores.images import StoreError


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a directory that is open, with the path that it has below the root."""

    directory: int
    name: str
    path: str


@contextmanager
def walked(root: str, name: str) -> Iterator[Place]:
    """The name, in its directory, which is open meanwhile. Raises `OSError` and `StoreError`."""
    parent, _, last = _real(root, name).rpartition("/")
    walk = _walk(name, root, parent)
    try:
        descriptor = os.open(f"/proc/self/fd/{walk.top}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        walk.close()
    try:
        yield Place(descriptor, last or ".", f"{parent}/{last}")
    finally:
        os.close(descriptor)


def _real(root: str, name: str) -> str:
    """The path below the root without links; of a file that is not there yet, that of its directory with its name."""
    walk = _walk(name, root, "/")
    try:
        walk.follow(name, name)
        return walk.real
    except FileNotFoundError:
        walk.close()
        parent, _, last = name.rpartition("/")
        walk = _walk(name, root, parent)
        if _is_link(walk.top, last):
            raise StoreError(f"{name} is a link that leads nowhere") from None
        return f"{walk.real.rstrip('/')}/{last}"
    finally:
        walk.close()


def _walk(name: str, root: str, directory: str) -> Walk:
    return Walk(name, os.path.realpath(root), directory, anywhere, _ours_or_roots)


def _ours_or_roots(path: str, link: os.stat_result) -> None:
    """A link that somebody else made may lead wherever he wants root to write."""
    if link.st_uid not in (0, os.geteuid()):
        raise StoreError(f"{path} is a link that another user made, and is not followed")


def failure(name: str, error: OSError) -> StoreError:
    """What went wrong with this file, as a sentence."""
    return StoreError(f"{name}: {(error.strerror or str(error)).lower()}")


def exists(place: Place) -> bool:
    """Whether anything has this name."""
    try:
        os.lstat(place.name, dir_fd=place.directory)
    except FileNotFoundError:
        return False
    return True


def _is_link(directory: int, name: str) -> bool:
    try:
        return mode_of.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode)
    except FileNotFoundError:
        return False
