"""The audit rules that the kernel holds, as one document: they come back in their order, and the lock is never set."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

from virtwarden.edits import Edit
from virtwarden.model import Document
from virtwarden.stores.images import Image, StateImage, StoreError
from virtwarden.stores.programs import Programs

LOADED = Document("audit", "loaded")
_SETTINGS = {"failure": "-f", "backlog_limit": "-b", "rate_limit": "-r", "enabled": "-e"}


@dataclass(frozen=True, slots=True)
class AuditKernel:
    """The kernel's audit rules and the settings that come with them."""

    programs: Programs = field(default_factory=Programs)

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The rules in their order, and the settings. Raises `StoreError`."""
        del name, edits
        rules = self.programs.must(("auditctl", "-l"))
        listed = "" if rules.strip() == "No rules" else rules
        return StateImage({"rules": listed, **self.settings()})

    def settings(self) -> dict[str, str]:
        """Whether rules are enabled, and the other settings that rules may set. Raises `StoreError`."""
        said = dict(re.findall(r"^(\w+) (\d+)", self.programs.must(("auditctl", "-s")), re.MULTILINE))
        return {word: said[word] for word in _SETTINGS if word in said}

    @property
    def is_locked(self) -> bool:
        """Whether the kernel takes no rules until the next boot. Raises `StoreError`."""
        return self.settings().get("enabled") == "2"

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The same: rules are changed in their files."""
        del document, edits
        return image

    def put(self, name: str, image: Image) -> Image:
        """Load these rules in place of those that are there. Raises `StoreError`."""
        now = self.image(name)
        if now == image or not isinstance(image, StateImage):
            return now
        if self.is_locked:
            raise StoreError("the audit rules are locked until the next boot")
        lines = ["-D", *image.words["rules"].splitlines()]
        lines += [f"{option} {image.words[word]}" for word, option in _SETTINGS.items() if word in image.words]
        with tempfile.NamedTemporaryFile("w", prefix="virt-warden-", suffix=".rules") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("\n".join(line for line in lines if not re.fullmatch(r"-e\s*2", line)) + "\n")
            file.flush()
            self.programs.must(("auditctl", "-R", file.name))
        return self.image(name)
