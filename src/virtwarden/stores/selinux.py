"""SELinux's booleans, its local file contexts, and the labels that follow from these."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from virtwarden.edits import Edit, SetState
from virtwarden.model import Document
from virtwarden.stores.images import Image, StateImage, StoreError
from virtwarden.stores.programs import Programs

_BOOLEAN = re.compile(r"^(?P<name>\S+)\s+\((?P<now>\w+)\s*,\s*(?P<kept>\w+)\)", re.MULTILINE)
_RELABELS = re.compile(r"^Would relabel (?P<path>.+) from (?P<old>\S+) to (?P<new>\S+)$", re.MULTILINE)
_LABEL = "security.selinux"


@dataclass(frozen=True, slots=True)
class Booleans:
    """Booleans: the value that holds, the one that is kept, and whether that is the site's own."""

    programs: Programs = field(default_factory=Programs)

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The values. Raises `StoreError`."""
        del edits
        now = self.programs.must(("getsebool", name)).rpartition(" ")[2].strip()
        listed = _BOOLEAN.finditer(
            self.programs.must(("semanage", "boolean", "--list", "--locallist", "--noheading"))
        )
        own = {found["name"]: found["kept"] for found in listed}
        return StateImage({"now": now, "kept": own.get(name, "")})

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The wanted value, now and kept."""
        del image
        wanted = [edit.state for edit in edits if isinstance(edit, SetState)]
        if not wanted or wanted[-1] not in ("on", "off"):
            raise StoreError(f"{document} is on or off")
        return StateImage({"now": wanted[-1], "kept": wanted[-1]})

    def put(self, name: str, image: Image) -> Image:
        """Set the values; one that was not the site's own is the policy's again. Raises `StoreError`."""
        if not isinstance(image, StateImage):
            raise StoreError(f"boolean {name} has no such value")
        now = self.image(name)
        if isinstance(now, StateImage) and now.words.get("kept") != image.words["kept"]:
            if image.words["kept"]:
                self.programs.must(("setsebool", "-P", f"{name}={image.words['kept']}"))
            else:
                self.programs.must(("semanage", "boolean", "--delete", name))
        if self.image(name) != image:
            self.programs.must(("setsebool", f"{name}={image.words['now']}"))
        return self.image(name)


@dataclass(frozen=True, slots=True)
class FileContexts:
    """The site's own file contexts, by the pattern of paths that each is for."""

    programs: Programs = field(default_factory=Programs)

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The type that the site gives to these paths; empty where it gives none. Raises `StoreError`."""
        del edits
        said = self.programs.must(("semanage", "fcontext", "--list", "--locallist", "--noheading"))
        for line in said.splitlines():
            words = line.split()
            if len(words) > 2 and words[0] == name and words[-1].count(":") >= 2:
                return StateImage({"type": words[-1].split(":")[2]})
        return StateImage({"type": ""})

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The wanted type."""
        del image
        wanted = [edit.state for edit in edits if isinstance(edit, SetState)]
        if not wanted or not re.fullmatch(r"\w+", wanted[-1]):
            raise StoreError(f"{document} needs a type")
        return StateImage({"type": wanted[-1]})

    def put(self, name: str, image: Image) -> Image:
        """Have the paths be of this type, or of the policy's again. Raises `StoreError`."""
        now = self.image(name)
        if not isinstance(image, StateImage) or now == image:
            return now
        verb = "--add" if now == StateImage({"type": ""}) else "--modify"
        if image.words["type"]:
            self.programs.must(("semanage", "fcontext", verb, "--type", image.words["type"], name))
        else:
            self.programs.must(("semanage", "fcontext", "--delete", name))
        return self.image(name)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of the files below a directory that are not as the policy has them."""

    programs: Programs = field(default_factory=Programs)

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The label of each such file. Raises `StoreError`."""
        del edits
        said = self.programs.must(("restorecon", "-R", "-n", "-v", name))
        return StateImage({found["path"]: found["old"] for found in _RELABELS.finditer(said)})

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The same: labels follow from the policy."""
        del document, edits
        return image

    def put(self, name: str, image: Image) -> Image:
        """Give these files their labels again. Raises `StoreError`."""
        for path, label in image.words.items() if isinstance(image, StateImage) else ():
            try:
                os.setxattr(path, _LABEL, label.encode() + b"\0", follow_symlinks=False)
            except FileNotFoundError:
                continue  # it is gone, and its label with it
            except OSError as error:
                raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None
        return self.image(name)
