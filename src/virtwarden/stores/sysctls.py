"""The kernel's settings as they hold now, one key at a time: what the files of other keys say is not touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit, SetState
from virtwarden.formats.keyvalue import sysctl_key
from virtwarden.model import Document
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError


@dataclass(frozen=True, slots=True)
class Sysctls:
    """The values below /proc/sys."""

    folder: str = "/proc/sys"

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The value that holds; nothing where this kernel has no such key. Raises `StoreError`."""
        del edits
        try:
            with open(self._path(name), encoding="utf-8", errors="surrogateescape") as file:
                return StateImage({"value": " ".join(file.read().split())})
        except FileNotFoundError:
            return Nothing()
        except OSError as error:
            raise StoreError(f"sysctl {name}: {(error.strerror or str(error)).lower()}") from None

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The wanted value. Raises `StoreError` where the kernel has no such key."""
        if isinstance(image, Nothing):
            raise StoreError(f"this kernel has no {document}")
        wanted = [edit.state for edit in edits if isinstance(edit, SetState)]
        return StateImage({"value": " ".join(wanted[-1].split())}) if wanted else image

    def put(self, name: str, image: Image) -> Image:
        """Set the value. A key that is gone meanwhile, with its module or its device, needs none. Raises
        `StoreError`."""
        now = self.image(name)
        if isinstance(now, Nothing) or not isinstance(image, StateImage) or now == image:
            return now
        try:
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.write(descriptor, image.words["value"].encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreError(f"sysctl {name}: {(error.strerror or str(error)).lower()}") from None
        return self.image(name)

    def _path(self, name: str) -> str:
        parts = [part.replace("/", ".") for part in sysctl_key(name).split(".")]
        if any(part in ("", "..") for part in parts):
            raise StoreError(f"{name} is no key of sysctl")
        return "/".join((self.folder, *parts))
