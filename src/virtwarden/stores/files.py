"""Files below a root directory: their images, and their replacement in one step that keeps all that belongs to them.

No symbolic link leads out of the root, and a reader sees the old file or the new one, never a part of either.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from grp import getgrnam
from pwd import getpwnam

from msgspec import structs

from virtwarden.edits import CopyOf, Edit, SetMode
from virtwarden.formats import Malformed
from virtwarden.model import Document
from virtwarden.places import new_mode
from virtwarden.sources.pemidentity import identity
from virtwarden.splice import CannotApply, apply_all, is_textual, rewrites_text
from virtwarden.stores import acl
from virtwarden.stores.fileimages import LABEL, as_far_as, content, holds, image_of, touched
from virtwarden.stores.images import FileImage, Image, Nothing, StoreError
from virtwarden.stores.place import Place, exists, failure, walked
from virtwarden.stores.replacing import make_directory, put_attributes, remove, replace, sweep

_MODE = (SetMode(),)
_WHOLE_MODE = (SetMode(0, "", "", ""),)


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
            with walked(self.root, name) as place:
                descriptor = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory)
                try:
                    found = image_of(descriptor, name, with_data=with_data)
                finally:
                    os.close(descriptor)
        except FileNotFoundError:
            return Nothing()
        except OSError as error:
            raise failure(name, error) from None
        if textual and found.kind not in ("file", "dir"):
            raise StoreError(f"{name} is no regular file")
        return found if with_data else touched(found, edits)

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
            sweep(place)
            if isinstance(image, Nothing):
                remove(place)
            elif not isinstance(image, FileImage):
                raise StoreError(f"{name} is no file")
            elif image.kind == "dir" and not exists(place):
                make_directory(place, image)
            elif image.data is None or holds(place, image.data):
                put_attributes(place, image)
            else:
                replace(place, image)
            os.fsync(place.directory)
        if not isinstance(image, FileImage) or image.data is not None:
            return self.image(name)
        stored = self.image(name, _WHOLE_MODE)
        return as_far_as(stored, image) if isinstance(stored, FileImage) else stored

    def missing_directories(self, name: str) -> list[str]:
        """The directories that have to be made before the file can be, outermost first."""
        parts = name.strip("/").split("/")[:-1]
        paths = ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
        return [path for path in paths if isinstance(self.image(path, _MODE), Nothing)]

    def size(self, name: str) -> int:
        """How long the file is, in bytes; 0 where there is none. Raises `StoreError`."""
        try:
            with walked(self.root, name) as place:
                return os.lstat(place.name, dir_fd=place.directory).st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise failure(name, error) from None

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
            with walked(self.sources or self.root, edit.source) as place:
                data = content(place, edit.source)
            found = identity(data.decode("utf-8", "surrogateescape"))
        except FileNotFoundError:
            raise StoreError(f"there is no {edit.source}") from None
        except OSError as error:
            raise failure(edit.source, error) from None
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
            xattrs[LABEL] = edit.label.encode() + b"\0"
        uid, gid = self._number("passwd", edit.owner), self._number("group", edit.group)
        return FileImage("file", edit.mode, uid, gid, xattrs, 0, self.copied(edit))

    def _with_mode(self, document: Document, image: Image, edit: SetMode) -> Image:
        if not isinstance(image, FileImage):
            raise StoreError(f"there is no {document.name}")
        xattrs = dict(image.xattrs)
        if edit.mode is not None and acl.NAME in xattrs:
            xattrs[acl.NAME] = acl.with_mode(xattrs[acl.NAME], edit.mode)
        if edit.label is not None:
            xattrs[LABEL] = edit.label.encode() + b"\0"
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
            with walked(self.root, name) as place:
                yield place
        except OSError as error:
            raise failure(name, error) from None
