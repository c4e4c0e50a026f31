"""What there is to know of a file: its image, whole or as far as some edits touch it, and its bytes."""

from __future__ import annotations

import errno
import os
import stat as mode_of
from collections.abc import Sequence
from contextlib import suppress

from msgspec import structs

from virtwarden.edits import Edit, SetMode
from virtwarden.sources.files import kind_of
from virtwarden.stores import acl
from virtwarden.stores.images import FileImage, StoreError
from virtwarden.stores.place import Place

LABEL = "security.selinux"
"""The extended attribute that a file's label is."""
_NOT_KEPT = {"security.ima", "security.evm"}  # signatures of the very bytes that are replaced
_LARGEST_COPY = 1 << 20
_NO_XATTRS = {errno.ENOTSUP, errno.EPERM, errno.ENODATA}


def image_of(descriptor: int, name: str, *, with_data: bool) -> FileImage:
    """The image of an open file. Raises `OSError`, and `StoreError` where its bytes have several names."""
    found = os.fstat(descriptor)
    kind = kind_of(found.st_mode)
    way = f"/proc/self/fd/{descriptor}"
    data = None
    if with_data and kind == "file":
        if found.st_nlink > 1:
            raise StoreError(f"{name} has {found.st_nlink} names; a new text would reach only this one of them")
        with open(way, "rb") as file:
            data = file.read()
    mode = mode_of.S_IMODE(found.st_mode)
    return FileImage(kind, mode, found.st_uid, found.st_gid, xattrs_of(way), found.st_mtime_ns, data)


def xattrs_of(way: str) -> dict[str, bytes]:
    """Its extended attributes, but for those that are of its very bytes. Raises `OSError`."""
    try:
        names = os.listxattr(way)
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return {}
        raise
    kept: dict[str, bytes] = {}
    for name in names:
        if name not in _NOT_KEPT:
            with suppress(FileNotFoundError):
                kept[name] = os.getxattr(way, name)
    return kept


def touched(found: FileImage, edits: Sequence[Edit]) -> FileImage:
    """The image with only what these changes of permissions touch: the rest may change meanwhile, as libvirt changes
    the owner of an image when its guest starts."""
    modes = [edit for edit in edits if isinstance(edit, SetMode)]
    owner, group = any(edit.owner is not None for edit in modes), any(edit.group is not None for edit in modes)
    mode = owner or group or any(edit.mode is not None for edit in modes)
    kept = {acl.NAME} if mode else set()
    if any(edit.label is not None for edit in modes):
        kept.add(LABEL)
    return structs.replace(
        found,
        mode=found.mode if mode else None,
        uid=found.uid if owner else None,
        gid=found.gid if group else None,
        xattrs={name: value for name, value in found.xattrs.items() if name in kept},
    )


def as_far_as(stored: FileImage, image: FileImage) -> FileImage:
    """What is stored, as far as the image that was put tells."""
    return structs.replace(
        stored,
        mode=None if image.mode is None else stored.mode,
        uid=None if image.uid is None else stored.uid,
        gid=None if image.gid is None else stored.gid,
        xattrs={name: value for name, value in stored.xattrs.items() if name in image.xattrs},
    )


def content(place: Place, name: str) -> bytes:
    """A regular file's bytes, as many as certificates may have. Raises `OSError` and `StoreError`."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(place.name, flags, dir_fd=place.directory)
    with os.fdopen(descriptor, "rb") as file:
        if not mode_of.S_ISREG(os.fstat(descriptor).st_mode):
            raise StoreError(f"{name} is no regular file")
        data = file.read(_LARGEST_COPY + 1)
    if len(data) > _LARGEST_COPY:
        raise StoreError(f"{name} is too large for certificates")
    return data


def holds(place: Place, data: bytes) -> bool:
    """Whether the file has these bytes already."""
    try:
        descriptor = os.open(
            place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place.directory
        )
    except FileNotFoundError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        return file.read(len(data) + 1) == data
