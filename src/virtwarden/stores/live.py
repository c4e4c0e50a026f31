"""Devices of running guests, changed while they run as their definitions were, where libvirt can do that.

A device is found again by what it is known by on both sides, since the live XML may count otherwise: an interface
by its MAC, a console by its type. What libvirt numbers itself is left out of its XML, so that it fits also after
the guest was started anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import structs

from virtwarden.edits import Edit, RemoveAttribute, RemoveElement
from virtwarden.formats.xmlspans import Element
from virtwarden.livechanges import LIVE_DEVICE, live_edits
from virtwarden.model import Document
from virtwarden.splice import CannotApply, apply_all
from virtwarden.splice.domainxml import XmlEdit
from virtwarden.splice.xmlpaths import select
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError, TextImage
from virtwarden.stores.programs import Programs
from virtwarden.stores.spelling import is_ours
from virtwarden.stores.virsh import SYSTEM, Virsh, tree

_NUMBERED = (RemoveElement("target"), RemoveElement("alias"), RemoveAttribute("source", "portid"))
_CANNOT = re.compile(
    r"error: (?:Operation not supported|unsupported configuration|argument unsupported|device not found"
    r"|this function is not supported|Requested operation is not valid):"
)


class NotLive(StoreError):
    """libvirt cannot change this while the guest runs: the guest takes it at its next start."""


@dataclass(frozen=True, slots=True)
class LiveDevices:
    """The devices of running guests.

    The image of a guest holds the XML of each device that the edits touch, by the paths that they give it with
    what it is known by behind them; those that the running guest does not have are not in it. A guest that does
    not run is `Nothing()`, and nothing is done to it. Since paths count the devices of the definition, an image is
    taken before that is changed.
    """

    programs: Programs
    uri: str = SYSTEM

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The devices of a running guest that the edits touch. Raises `StoreError`."""
        virsh = Virsh(self.programs, self.uri)
        uuid = virsh.guests().get(name)
        if uuid is None:
            return Nothing()
        defined = tree(virsh.must("dumpxml", "--inactive", uuid))
        devices = _devices(virsh, uuid)
        paths = dict.fromkeys(_split(edit)[0] for edit in live_edits(edits))
        called: dict[str, list[str]] = {}
        for path in paths:
            for element in select(defined, path):
                called.setdefault(_known_by(element), []).append(path)
        return StateImage({" ".join((*at, who)): devices[who] for who, at in called.items() if who in devices})

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the edits made. Raises `StoreError`, `NotLive` where a running device lacks what an edit
        speaks of."""
        if not isinstance(image, StateImage):
            return image
        words = dict(image.words)
        for edit in live_edits(edits):
            path, inner = _split(edit)
            for key in (key for key in words if path in key.split()[:-1]):
                try:
                    words[key] = apply_all((inner,), words[key], document) or ""
                except CannotApply as wrong:
                    raise NotLive(f"{path}: {wrong}") from None
        return StateImage(words)

    def put(self, name: str, image: Image) -> Image:
        """Make the devices so; the image that they have then. Each is tried, whatever becomes of the others.
        Raises `StoreError`, `NotLive` where libvirt cannot do it while the guest runs."""
        virsh = Virsh(self.programs, self.uri)
        uuid = virsh.guests().get(name)
        if uuid is None or not isinstance(image, StateImage):
            return Nothing()
        wanted = {_who(key): text for key, text in image.words.items()}
        now = _devices(virsh, uuid)
        tried = [_updated(virsh, uuid, now.get(who), text) for who, text in wanted.items()]
        now = _devices(virsh, uuid)
        ignored = [
            NotLive(f"libvirt leaves {who} as it is, though it says otherwise")
            for who, text in wanted.items()
            if who in now and not _is_alike(tree(text), tree(now[who]))
        ]
        wrongs = [wrong for wrong in (*tried, *ignored) if wrong is not None]
        for wrong in sorted(wrongs, key=lambda wrong: isinstance(wrong, NotLive)):
            raise type(wrong)(f"guest {name}: {wrong}")
        return StateImage({key: now[_who(key)] for key in image.words if _who(key) in now})

    def is_ours(self, now: Image, before: Image, edits: Sequence[Edit]) -> bool:
        """Whether nobody but these edits of ours changed the devices; each may have been reached or not."""
        if isinstance(now, Nothing):
            return True  # the guest has been stopped, and what it ran with is gone
        if not (isinstance(now, StateImage) and isinstance(before, StateImage)):
            return now == before
        inner = [_split(edit) for edit in live_edits(edits)]
        return now.words.keys() == before.words.keys() and all(
            is_ours(TextImage(now.words[key]), TextImage(old), [e for at, e in inner if at in key.split()[:-1]])
            for key, old in before.words.items()
        )


def _split(edit: XmlEdit) -> tuple[str, XmlEdit]:
    """The device that an edit speaks of, and the edit as one of that device's XML."""
    found = LIVE_DEVICE.fullmatch(edit.path)
    assert found is not None  # it is a live one
    return found[1], structs.replace(edit, path=found[3] or ".")


def _devices(virsh: Virsh, uuid: str) -> dict[str, str]:
    """The XML of a running guest's devices by what they are known by, without those that share that."""
    text = virsh.must("dumpxml", "--security-info", uuid)
    data, root = text.encode("utf-8", "surrogateescape"), tree(text)
    found = [*select(root, "devices/interface"), *select(root, "devices/graphics")]
    names = [_known_by(element) for element in found]
    return {
        who: _plain(data, element)
        for who, element in zip(names, found, strict=True)
        if who and names.count(who) == 1
    }


def _known_by(element: Element) -> str:
    if element.tag == "graphics":
        return element.attributes.get("type", "")
    macs: Iterator[str] = (
        child.attributes.get("address", "").lower() for child in element.children if child.tag == "mac"
    )
    return next(macs, "")


def _who(key: str) -> str:
    return key.rpartition(" ")[2]


def _plain(data: bytes, element: Element) -> str:
    text = data[element.start : element.end].decode("utf-8", "surrogateescape")
    return apply_all(_NUMBERED, text, Document("domain", "")) or ""


def _updated(virsh: Virsh, uuid: str, now: str | None, wanted: str) -> StoreError | None:
    """Make one device so; what is wrong with that."""
    if now is None:
        return NotLive("it has no such device any more")
    if now == wanted:
        return None
    said = virsh.ask("update-device", uuid, "/dev/stdin", "--live", given=wanted)
    if said.code == 0:
        return None
    refused = _CANNOT.search(said.stderr) is not None
    return (NotLive if refused else StoreError)(f"libvirt does not update the device: {said.complaint}")


def _is_alike(wanted: Element, held: Element) -> bool:
    """Whether two say the same; libvirt has its own order of what is in a device."""
    return _content(wanted) == _content(held)


def _content(element: Element) -> tuple[object, ...]:
    children = sorted(map(_content, element.children), key=repr)
    return element.tag, sorted(element.attributes.items()), element.text, children
