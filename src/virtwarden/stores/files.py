"""Files below a root directory: their images, and their replacement in one step that keeps all that belongs to them.

No symbolic link leads out of the root, and a reader sees the old file or the new one, never a part of either.
"""

from __future__ import annotations

import errno
import os
import stat as mode_of
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from grp import getgrnam
from pwd import getpwnam

from msgspec import structs

from virtwarden.edits import CopyOf, Edit, SetMode
from virtwarden.formats import Malformed
from virtwarden.model import Document
from virtwarden.places import new_mode
from virtwarden.sources.files import kind_of
from virtwarden.sources.pemidentity import identity
from virtwarden.sources.walk import Walk, anywhere
from virtwarden.splice import CannotApply, apply_all, is_textual, rewrites_text
from virtwarden.stores import acl
from virtwarden.stores.images import NEW_DIRECTORY, FileImage, Image, Nothing, StoreError

TEMPORARY = ".virt-warden"
_LABEL = "security.selinux"
_NOT_KEPT = {"security.ima", "security.evm"}  # signatures of the very bytes that are replaced
_LARGEST_COPY = 1 << 20
_NO_XATTRS = {errno.ENOTSUP, errno.EPERM, errno.ENODATA}


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a directory that is open, with the path that it has below the root."""

    directory: int
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Files:
    """The files below a root directory. `sources` is the root of those that are copied, where it is another one."""

    root: str = "/"
    sources: str | None = None

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The file as it is; with its bytes, if it has any, where an edit is of its text or no edit is given. Raises
        `StoreError`."""
        textual = any(rewrites_text(edit) for edit in edits)
        with_data = textual or not edits
        try:
            with _walked(self.root, name) as place:
                descriptor = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory)
                try:
                    found = _image(descriptor, name, with_data=with_data)
                finally:
                    os.close(descriptor)
        except FileNotFoundError:
            return Nothing()
        except OSError as error:
            raise _failure(name, error) from None
        if textual and found.kind not in ("file", "dir"):
            raise StoreError(f"{name} is no regular file")
        return found if with_data else _touched(found, edits)

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the edits made. Raises `StoreError`."""
        textual = [edit for edit in edits if is_textual(edit)]
        try:
            if textual:
                image = self._with_text(document, image, textual)
            for copy in edits:
                if isinstance(copy, CopyOf):
                    image = self._with_copy(document, image, copy)
            if document.kind == "directory" and isinstance(image, Nothing):
                image = self.directory()
            for edit in edits:
                if isinstance(edit, SetMode):
                    image = self._with_mode(document, image, edit)
        except CannotApply as wrong:
            raise StoreError(str(wrong)) from None
        return image

    def put(self, name: str, image: Image) -> Image:
        """Make the file so; the image that it has then. Raises `StoreError`."""
        with self._place(name) as place:
            _sweep(place)
            if isinstance(image, Nothing):
                _remove(place)
            elif not isinstance(image, FileImage):
                raise StoreError(f"{name} is no file")
            elif image.kind == "dir" and not _exists(place):
                _make_directory(place, image)
            elif image.data is None or _holds(place, image.data):
                _put_attributes(place, image)
            else:
                _replace(place, image)
            os.fsync(place.directory)
        if not isinstance(image, FileImage) or image.data is not None:
            return self.image(name)
        stored = self.image(name, _WHOLE_MODE)
        return _as_far_as(stored, image) if isinstance(stored, FileImage) else stored

    def missing_directories(self, name: str) -> list[str]:
        """The directories that have to be made before the file can be, outermost first."""
        parts = name.strip("/").split("/")[:-1]
        paths = ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
        return [path for path in paths if isinstance(self.image(path, _MODE), Nothing)]

    def size(self, name: str) -> int:
        """How long the file is, in bytes; 0 where there is none. Raises `StoreError`."""
        try:
            with _walked(self.root, name) as place:
                return os.lstat(place.name, dir_fd=place.directory).st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise _failure(name, error) from None

    def require_room(self, name: str, size: int) -> None:
        """Raises `StoreError` where the file's disk has no room for this many bytes more."""
        existing = name
        while existing != "/" and isinstance(self.image(existing, _MODE), Nothing):
            existing = existing.rpartition("/")[0] or "/"
        with self._place(existing) as place:
            disk = os.fstatvfs(place.directory)
        if disk.f_bavail * disk.f_frsize < size:
            raise StoreError(f"{name}: its disk has no room for {size} bytes more")

    def copied(self, edit: CopyOf) -> bytes:
        """What a copy is to hold. Raises `StoreError` where its source cannot be read, or is not the one that was
        meant."""
        try:
            with _walked(self.sources or self.root, edit.source) as place:
                data = _read(place, edit.source)
            found = identity(data.decode("utf-8", "surrogateescape"))
        except FileNotFoundError:
            raise StoreError(f"there is no {edit.source}") from None
        except OSError as error:
            raise _failure(edit.source, error) from None
        except Malformed as wrong:
            raise StoreError(f"{edit.source}: {wrong}") from None
        if found != edit.identity:
            raise StoreError(f"{edit.source} is another one than when the plan was made; make a new plan")
        return data

    def directory(self) -> FileImage:
        """The image of a new directory."""
        return FileImage("dir", 0o755, os.geteuid(), os.getegid(), {}, 0)

    def _with_text(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        old = image if isinstance(image, FileImage) else None
        if old is not None and old.data is None:
            raise StoreError(f"{document.name} has no text")
        before = None if old is None or old.data is None else old.data.decode("utf-8", "surrogateescape")
        after = apply_all(edits, before, document)
        if after is None:
            return Nothing()
        data = after.encode("utf-8", "surrogateescape")
        if old is not None:
            return structs.replace(old, data=data)
        return FileImage("file", new_mode(document.name), os.geteuid(), os.getegid(), {}, 0, data)

    def _with_copy(self, document: Document, image: Image, edit: CopyOf) -> Image:
        """The copy with its own owner and mode; of what was there the label stays, and no access list does."""
        old = image if isinstance(image, FileImage) else None
        if old is not None and old.kind != "file":
            raise StoreError(f"{document.name} is no regular file")
        xattrs = {} if old is None else {name: value for name, value in old.xattrs.items() if name != acl.NAME}
        if edit.label is not None:
            xattrs[_LABEL] = edit.label.encode() + b"\0"
        uid, gid = self._number("passwd", edit.owner), self._number("group", edit.group)
        return FileImage("file", edit.mode, uid, gid, xattrs, 0, self.copied(edit))

    def _with_mode(self, document: Document, image: Image, edit: SetMode) -> Image:
        if not isinstance(image, FileImage):
            raise StoreError(f"there is no {document.name}")
        xattrs = dict(image.xattrs)
        if edit.mode is not None and acl.NAME in xattrs:
            xattrs[acl.NAME] = acl.with_mode(xattrs[acl.NAME], edit.mode)
        if edit.label is not None:
            xattrs[_LABEL] = edit.label.encode() + b"\0"
        return structs.replace(
            image,
            mode=image.mode if edit.mode is None else edit.mode,
            uid=image.uid if edit.owner is None else self._number("passwd", edit.owner),
            gid=image.gid if edit.group is None else self._number("group", edit.group),
            xattrs=xattrs,
        )

    def _number(self, database: str, name: str) -> int:
        """The number of a user or a group, by the databases of the system below this root."""
        if name.isdecimal():
            return int(name)
        try:
            if self.root == "/":
                return getpwnam(name).pw_uid if database == "passwd" else getgrnam(name).gr_gid
        except KeyError:
            raise StoreError(f"there is no {name} in {database}") from None
        listed = self.image(f"/etc/{database}")
        lines = (
            listed.data.decode("utf-8", "surrogateescape") if isinstance(listed, FileImage) and listed.data else ""
        )
        fields = (line.split(":") for line in lines.split("\n"))
        number = next((f[2] for f in fields if len(f) > 2 and f[0] == name and f[2].isdecimal()), None)
        if number is None:
            raise StoreError(f"there is no {name} in /etc/{database} below {self.root}")
        return int(number)

    @contextmanager
    def _place(self, name: str) -> Iterator[Place]:
        """Where the name leads to: links are followed, as its readers do."""
        try:
            with _walked(self.root, name) as place:
                yield place
        except OSError as error:
            raise _failure(name, error) from None


def _failure(name: str, error: OSError) -> StoreError:
    return StoreError(f"{name}: {(error.strerror or str(error)).lower()}")


_MODE = (SetMode(),)
_WHOLE_MODE = (SetMode(0, "", "", ""),)


def _touched(found: FileImage, edits: Sequence[Edit]) -> FileImage:
    """The image with only what these changes of permissions touch: the rest may change meanwhile, as libvirt changes
    the owner of an image when its guest starts."""
    modes = [edit for edit in edits if isinstance(edit, SetMode)]
    owner, group = any(edit.owner is not None for edit in modes), any(edit.group is not None for edit in modes)
    mode = owner or group or any(edit.mode is not None for edit in modes)
    kept = {acl.NAME} if mode else set()
    if any(edit.label is not None for edit in modes):
        kept.add(_LABEL)
    return structs.replace(
        found,
        mode=found.mode if mode else None,
        uid=found.uid if owner else None,
        gid=found.gid if group else None,
        xattrs={name: value for name, value in found.xattrs.items() if name in kept},
    )


def _as_far_as(stored: FileImage, image: FileImage) -> FileImage:
    """What is stored, as far as the image that was put tells."""
    return structs.replace(
        stored,
        mode=None if image.mode is None else stored.mode,
        uid=None if image.uid is None else stored.uid,
        gid=None if image.gid is None else stored.gid,
        xattrs={name: value for name, value in stored.xattrs.items() if name in image.xattrs},
    )


@contextmanager
def _walked(root: str, name: str) -> Iterator[Place]:
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


def _read(place: Place, name: str) -> bytes:
    """A regular file's bytes, as many as certificates may have."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(place.name, flags, dir_fd=place.directory)
    with os.fdopen(descriptor, "rb") as file:
        if not mode_of.S_ISREG(os.fstat(descriptor).st_mode):
            raise StoreError(f"{name} is no regular file")
        data = file.read(_LARGEST_COPY + 1)
    if len(data) > _LARGEST_COPY:
        raise StoreError(f"{name} is too large for certificates")
    return data


def _is_link(directory: int, name: str) -> bool:
    try:
        return mode_of.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode)
    except FileNotFoundError:
        return False


def _image(descriptor: int, name: str, *, with_data: bool) -> FileImage:
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
    return FileImage(kind, mode, found.st_uid, found.st_gid, _xattrs(way), found.st_mtime_ns, data)


def _xattrs(way: str) -> dict[str, bytes]:
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


def _exists(place: Place) -> bool:
    try:
        os.lstat(place.name, dir_fd=place.directory)
    except FileNotFoundError:
        return False
    return True


def _holds(place: Place, data: bytes) -> bool:
    """Whether the file has these bytes already."""
    try:
        descriptor = os.open(
            place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place.directory
        )
    except FileNotFoundError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        return file.read(len(data) + 1) == data


def _remove(place: Place) -> None:
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


def _make_directory(place: Place, image: FileImage) -> None:
    os.mkdir(place.name, NEW_DIRECTORY, dir_fd=place.directory)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(place.name, flags, dir_fd=place.directory)
    try:
        if (
            os.fstat(descriptor).st_uid != os.geteuid()
        ):  # the owner of the directory around it put another in its place
            raise StoreError(f"{place.path} was replaced while it was made")
        _dress(f"/proc/self/fd/{descriptor}", image)
    finally:
        os.close(descriptor)


def _put_attributes(place: Place, image: FileImage) -> None:
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
    has = _xattrs(way)
    if image.data is not None:
        for name in has.keys() - image.xattrs.keys() - {_LABEL}:
            os.removexattr(way, name)
    uid = found.st_uid if image.uid is None else image.uid
    gid = found.st_gid if image.gid is None else image.gid
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.chown(way, uid, gid)
    if image.mode is not None and mode_of.S_IMODE(os.stat(way).st_mode) != image.mode:
        os.chmod(way, image.mode)
    has = _xattrs(way)
    for name, value in image.xattrs.items():
        if has.get(name) != value:
            os.setxattr(way, name, value)
    if image.mtime and image.data is not None:
        os.utime(way, ns=(found.st_atime_ns, image.mtime))


def _sweep(place: Place) -> None:
    """Take away what an interrupted replacement left behind."""
    with suppress(FileNotFoundError):
        os.unlink(_temporary(place), dir_fd=place.directory)


def _temporary(place: Place) -> str:
    return f".{place.name}{TEMPORARY}"[-255:]


def _replace(place: Place, image: FileImage) -> None:
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
        _sweep(place)
        raise
    finally:
        os.close(descriptor)
