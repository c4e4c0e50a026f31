"""The kernel's settings below /proc/sys, read and written one by one: no other setting is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit, SetState
from virtwarden.model import Document
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError

_ONE_WAY = {
    "kernel.kexec_load_disabled": ("1",),
    "kernel.modules_disabled": ("1",),
    "kernel.unprivileged_bpf_disabled": ("1",),
    "kernel.yama.ptrace_scope": ("3",),
}


@dataclass(frozen=True, slots=True)
class Sysctls:
    """The settings of the running kernel, as seen from the network namespace of this process."""

    proc: str = "/proc/sys"

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The value as the kernel spells it; nothing where it has no such setting, mostly because a module is not
        loaded. Raises `StoreError`."""
        path = self._path(name)
        if path is None:
            return Nothing()
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                return StateImage({"value": file.read().rstrip("\n")})
        except OSError as error:
            raise _failure(name, error) from None

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the value that is asked for. Raises `StoreError`."""
        if not isinstance(image, StateImage):
            raise StoreError(f"this kernel has no {document.name}")
        for edit in edits:
            if not isinstance(edit, SetState):
                raise StoreError(f"{document} cannot be changed in this way")
            if edit.state.split() != image.words["value"].split():
                if is_one_way(document.name, edit.state):
                    raise StoreError(f"{document.name} could not be taken back from {edit.state} without a boot")
                image = StateImage({"value": edit.state})
        return image

    def put(self, name: str, image: Image) -> Image:
        """Write the value; what the kernel made of it. Raises `StoreError`, also where that is something else."""
        now = self.image(name)
        if not isinstance(image, StateImage) or now == image:
            return now  # a setting that came or went with its module is none of ours
        path = self._path(name)
        if path is None:
            raise StoreError(f"this kernel has no {name}")
        wanted = image.words["value"]
        try:
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(f"{wanted}\n")
        except OSError as error:
            raise _failure(name, error) from None
        now = self.image(name)
        if not isinstance(now, StateImage) or now.words["value"].split() != wanted.split():
            raise StoreError(f"{name} did not become {wanted}")
        return now

    def _path(self, name: str) -> str | None:
        return next(_paths(self.proc, _parts(name)), None)


def is_one_way(key: str, value: str) -> bool:
    """Whether the kernel keeps this value until it is booted again."""
    return value.strip() in _ONE_WAY.get(".".join(_parts(key)), ())


def _parts(key: str) -> list[str]:
    """The names that a key is made of. As in sysctl.d(5), the first separator tells which of dot and slash is one;
    the other then stands for the dot in a name."""
    slash, dot = key.find("/"), key.find(".")
    if slash >= 0 and (dot < 0 or slash < dot):
        return key.split("/")
    return [part.replace("/", ".") for part in key.split(".")]


def _paths(directory: str, parts: Sequence[str]) -> Iterator[str]:
    """The files that the names can mean: that of an interface may have been written with its dot."""
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        path = os.path.join(directory, name)
        if name in ("", ".", "..") or not os.path.lexists(path):
            continue
        if count == len(parts):
            if os.path.isfile(path):
                yield path
        elif os.path.isdir(path):
            yield from _paths(path, parts[count:])


def _failure(name: str, error: OSError) -> StoreError:
    return StoreError(f"{name}: {(error.strerror or str(error)).lower()}")
