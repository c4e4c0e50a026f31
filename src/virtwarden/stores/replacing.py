"""The writing of files: one step from the old one to the new, with all that belongs to it.

A reader sees the old file or the new one, never a part of either, and nobody sees more of it than its mode allows.
"""

from __future__ import annotations

import errno
import os
import stat as mode_of
from contextlib import suppress

from virtwarden.stores.fileimages import LABEL, xattrs_of
from virtwarden.stores.images import NEW_DIRECTORY, FileImage, StoreError
from virtwarden.stores.place import Place

_TEMPORARY = ".virt-warden"


def remove(place: Place) -> None:
    """Take away a file, or a directory that is empty. Raises `OSError`."""
    try:
        found = os.lstat(place.name, dir_fd=place.directory)
    except FileNotFoundError:
        return
    if mode_of.S_ISDIR(found.st_mode):
        try:
            os.rmdir(place.name, dir_fd=place.directory)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        return  # what others have put into it meanwhile keeps it
    os.unlink(place.name, dir_fd=place.directory)


def make_directory(place: Place, image: FileImage) -> None:
    """Make a directory, closed to others until it is as it is to be. Raises `OSError` and `StoreError`."""
    os.mkdir(place.name, NEW_DIRECTORY, dir_fd=place.directory)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(place.name, flags, dir_fd=place.directory)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():  # who owns the directory around it put another there
            raise StoreError(f"{place.path} was replaced while it was made")
        _dress(f"/proc/self/fd/{descriptor}", image)
    finally:
        os.close(descriptor)


def put_attributes(place: Place, image: FileImage) -> None:
    """Have a file belong as the image does, and let its bytes be. Raises `OSError` and `StoreError`."""
    descriptor = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory)
    try:
        if image.data is not None and os.fstat(descriptor).st_nlink > 1:
            raise StoreError(f"{place.path} has other names, whose owner and mode would change too")
        _dress(f"/proc/self/fd/{descriptor}", image)
    finally:
        os.close(descriptor)


def _dress(way: str, image: FileImage) -> None:
    """Owner before mode, because a change of owner takes bits of the mode away; access lists after the mode, of
    which they are the longer form. What goes, goes first: an access list that a new file has of its directory would
    let others in with the mode."""
    found = os.stat(way)
    has = xattrs_of(way)
    if image.data is not None:
        for name in has.keys() - image.xattrs.keys() - {LABEL}:
            os.removexattr(way, name)
    uid = found.st_uid if image.uid is None else image.uid
    gid = found.st_gid if image.gid is None else image.gid
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.chown(way, uid, gid)
    if image.mode is not None and mode_of.S_IMODE(os.stat(way).st_mode) != image.mode:
        os.chmod(way, image.mode)
    has = xattrs_of(way)
    for name, value in image.xattrs.items():
        if has.get(name) != value:
            os.setxattr(way, name, value)
    if image.mtime and image.data is not None:
        os.utime(way, ns=(found.st_atime_ns, image.mtime))


def sweep(place: Place) -> None:
    """Take away what an interrupted replacement left behind."""
    with suppress(FileNotFoundError):
        os.unlink(_temporary(place), dir_fd=place.directory)


def _temporary(place: Place) -> str:
    return f".{place.name}{_TEMPORARY}"[-255:]


def replace(place: Place, image: FileImage) -> None:
    """Have the file be the image, in one step. Raises `OSError`."""
    temporary = _temporary(place)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=place.directory)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(image.data or b"")
        _dress(f"/proc/self/fd/{descriptor}", image)
        os.fsync(descriptor)
        os.rename(temporary, place.name, src_dir_fd=place.directory, dst_dir_fd=place.directory)
    except BaseException:
        sweep(place)
        raise
    finally:
        os.close(descriptor)
