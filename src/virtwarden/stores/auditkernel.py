"""The audit rules and settings that the kernel holds, as one document that can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit
from virtwarden.model import Document
from virtwarden.stores import auditnetlink
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError

LOADED = Document("audit", "loaded")
LOCKED = 2


@dataclass(frozen=True, slots=True)
class AuditKernel:
    """The rules and settings of the running kernel. They are changed by loading files; this brings them back."""

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The settings by name, and the rules as the kernel keeps them, in their order. Raises `StoreError`."""
        with auditnetlink.connected() as kernel:
            return _image(kernel)

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """Nothing is asked of it but to be brought back."""
        if edits:
            raise StoreError("the loaded audit rules are changed by way of their files")
        return image

    def put(self, name: str, image: Image) -> Image:
        """Have the kernel hold these rules again; those that stay are not taken away meanwhile. A lock is never
        set, and a locked kernel takes nothing until it is booted. Raises `StoreError`."""
        if isinstance(image, Nothing):
            return self.image(name)
        if not isinstance(image, StateImage):
            raise StoreError("this is no image of the loaded audit rules")
        with auditnetlink.connected() as kernel:
            now = _image(kernel)
            if now == image:
                return now
            if is_locked(now):
                raise StoreError("the kernel's audit rules are locked (-e 2) until the host is booted")
            _put_rules(kernel, _rules(now), _rules(image))
            wanted = {key: int(image.words[key]) for key in auditnetlink.SETTABLE if key in image.words}
            changed = {key: value for key, value in wanted.items() if str(value) != now.words[key]}
            if changed.get("enabled") == LOCKED:
                raise StoreError("the kernel's audit rules are not locked from here; that takes a boot")
            if changed:
                kernel.set_status(changed)
            return _image(kernel)


def is_locked(image: Image) -> bool:
    """Whether the kernel refuses changes until it is booted."""
    return isinstance(image, StateImage) and image.words.get("enabled") == str(LOCKED)


def _image(kernel: auditnetlink.Kernel) -> StateImage:
    status = {key: str(value) for key, value in kernel.status().items()}
    return StateImage({**status, "rules": " ".join(rule.hex() for rule in kernel.rules())})


def _rules(image: StateImage) -> list[bytes]:
    return [bytes.fromhex(rule) for rule in image.words.get("rules", "").split()]


def _put_rules(kernel: auditnetlink.Kernel, now: list[bytes], wanted: list[bytes]) -> None:
    """The first rule that matches decides, so that all behind the first difference are put anew."""
    kept = next((at for at, (old, new) in enumerate(zip(now, wanted, strict=False)) if old != new), None)
    if kept is None:
        kept = min(len(now), len(wanted))
    for rule in reversed(now[kept:]):
        kernel.delete(rule)
    for rule in wanted[kept:]:
        kernel.add(rule)
