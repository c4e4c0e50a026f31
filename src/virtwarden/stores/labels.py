"""The SELinux labels below a directory, as far as they differ from those that the policy gives.

An image is of the differences alone: restorecon takes all of them away, and bringing them back sets each label on
the very file that had it, whatever links lead there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit, SetState
from virtwarden.model import Document
from virtwarden.stores.images import Image, StateImage, StoreError
from virtwarden.stores.programs import Programs

_ATTRIBUTE = "security.selinux"
_DIFFERS = re.compile(r"Would relabel (/.*) from (\S+|<no context>) to (\S+)\Z")
_NONE = ("<no context>", "(null)")
_RESTORECON = ("restorecon", "-R")
_PATIENCE = 1800.0


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels below directories. `relabel` is what asks the policy about a directory: restorecon, or setfiles
    with the file of its contexts."""

    programs: Programs
    relabel: tuple[str, ...] = _RESTORECON

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The labels that differ from the policy's, by path. Raises `StoreError`."""
        return StateImage({path: old for path, (old, _) in self._differing(name).items()})

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with no label that differs. Raises `StoreError`."""
        if any(not isinstance(edit, SetState) or edit.state != "restored" for edit in edits):
            raise StoreError(f"{document} cannot be changed in this way")
        return StateImage({}) if edits else image

    def put(self, name: str, image: Image) -> Image:
        """Give these files these labels, and all others below the directory those of the policy. A file that is
        gone has taken its label with it. Raises `StoreError`."""
        wanted = image.words if isinstance(image, StateImage) else {}
        for path, label in {**self._policy_labels(name, wanted), **wanted}.items():
            try:
                _set(path, label)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise StoreError(f"the label of {path}: {(error.strerror or str(error)).lower()}") from None
        return self.image(name)

    def _policy_labels(self, name: str, kept: Mapping[str, str]) -> dict[str, str]:
        return {path: new for path, (_, new) in self._differing(name).items() if path not in kept}

    def _differing(self, name: str) -> dict[str, tuple[str, str]]:
        if not name.startswith("/"):
            raise StoreError(f"{name} is no path from the root")
        if not os.path.isdir(name):
            return {}
        programs = Programs(self.programs.held, _PATIENCE)
        lines = programs.must((*self.relabel, "-n", "-v", name)).splitlines()
        found: dict[str, tuple[str, str]] = {}
        for line in lines:
            match = _DIFFERS.match(line)
            if match is None:
                raise StoreError(f"{self.relabel[0]} does not tell which labels differ below {name}: {line}")
            found[match[1]] = (match[2], match[3])
        return found


def _set(path: str, label: str) -> None:
    """Label the file of this name itself; no directory on the way may be a link."""
    directory = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *parents, last = path.strip("/").split("/")
        for parent in parents:
            inner = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            os.close(directory)
            directory = inner
        file = f"/proc/self/fd/{directory}/{last}"
        if label in _NONE:
            os.removexattr(file, _ATTRIBUTE, follow_symlinks=False)
        else:
            os.setxattr(file, _ATTRIBUTE, label.encode() + b"\0", follow_symlinks=False)
    finally:
        os.close(directory)
