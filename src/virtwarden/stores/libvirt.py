"""Guests and filters as libvirt keeps them: their definitions are told by virsh and given back to it.

libvirt stores its own spelling of what it is given, and what it tells it takes back without a change. Its file
under /etc/libvirt may be older than that spelling, since it is not rewritten when libvirt is upgraded, and may
hold comments and permissions that the next define takes away. So the image of a definition holds the file besides
the text. Where libvirt, after an old definition was brought back, tells the old text to the letter, the old file
is put back too: it is the one from which libvirt had that very text. Otherwise the file is left to libvirt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit
from virtwarden.model import Document
from virtwarden.places import path_of
from virtwarden.splice import CannotApply, apply_all
from virtwarden.stores.files import Files
from virtwarden.stores.images import FileImage, Image, Nothing, StoreError, TextImage
from virtwarden.stores.programs import Programs
from virtwarden.stores.spelling import is_ours
from virtwarden.stores.virsh import SYSTEM, Virsh, tree


@dataclass(frozen=True, slots=True)
class Commands:
    """How virsh lists, tells, takes and forgets documents of one kind. Nothing is forgotten where `undefine` is
    empty."""

    kind: str
    listed: Callable[[Virsh], dict[str, str]]
    dump: tuple[str, ...]
    define: str
    undefine: str = ""


def _all_guests(virsh: Virsh) -> dict[str, str]:
    return virsh.guests("--all")


_OF_DOMAINS = Commands("domain", _all_guests, ("dumpxml", "--inactive", "--security-info"), "define")
_OF_NWFILTERS = Commands(
    "nwfilter", Virsh.nwfilters, ("nwfilter-dumpxml",), "nwfilter-define", "nwfilter-undefine"
)


def domains(programs: Programs, uri: str = SYSTEM, *, checked: bool = True) -> Definitions:
    """The definitions of guests."""
    return Definitions(_OF_DOMAINS, programs, uri, checked)


def nwfilters(programs: Programs, uri: str = SYSTEM, *, checked: bool = True) -> Definitions:
    """The definitions of network filters."""
    return Definitions(_OF_NWFILTERS, programs, uri, checked)


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions of one kind that libvirt keeps.

    New ones are `checked` against libvirt's schema, which without that drops what it does not know. Who brings old
    ones back does not check them: libvirt took them once, and a newer schema must not keep them away.
    """

    commands: Commands
    programs: Programs
    uri: str = SYSTEM
    checked: bool = True

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:  # it is always the whole
        """The definition with its secrets. Raises `StoreError`, also for a guest that has none and yet runs."""
        virsh = Virsh(self.programs, self.uri)
        uuid = self.commands.listed(virsh).get(name)
        if uuid is None:
            return Nothing()
        if self.commands.kind == "domain" and name in virsh.guests("--transient"):
            raise StoreError(f"{self._called(name)} runs without a definition, so there is none to change")
        return TextImage(virsh.must(*self.commands.dump, uuid), self._kept(name))

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the edits made. Raises `StoreError`."""
        before = image.text if isinstance(image, TextImage) else None
        try:
            after = apply_all(edits, before, document)
        except CannotApply as wrong:
            raise StoreError(str(wrong)) from None
        return Nothing() if after is None else TextImage(after)

    def put(self, name: str, image: Image) -> Image:
        """Make the definition so; the image as libvirt stores it. Raises `StoreError`."""
        now = self.image(name)
        if isinstance(image, Nothing):
            self._forget(name, now)
        elif isinstance(image, TextImage):
            self._define(name, image.text, now)
        else:
            raise StoreError(f"{self._called(name)} is no text")
        stored = self.image(name)
        if not isinstance(image, TextImage) or image.kept is None or not isinstance(stored, TextImage):
            return stored
        if stored.text != image.text or stored.kept is None:
            return stored
        Files().put(self._path(name), image.kept)
        return self.image(name)

    def is_ours(self, now: Image, before: Image, edits: Sequence[Edit]) -> bool:
        """Whether nobody but these edits of ours changed the document."""
        return is_ours(now, before, edits)

    def _define(self, name: str, text: str, now: Image) -> None:
        self._recognise(name, text, now)
        if isinstance(now, TextImage) and now.text == text:
            return
        virsh = Virsh(self.programs, self.uri)
        define = self.commands.define
        check = ("--validate",) if self.checked and virsh.validates(define) else ()
        said = virsh.ask(define, "/dev/stdin", *check, given=text)
        if said.code != 0:
            raise StoreError(f"libvirt refuses the definition of {self._called(name)}: {said.complaint}")

    def _recognise(self, name: str, text: str, now: Image) -> None:
        """A definition under another name or UUID would be one more, and not this one changed."""
        told, uuid = _identity(text)
        if told != name:
            raise StoreError(f"this definition is not of {self._called(name)}, but of {told or 'none'}")
        if isinstance(now, TextImage) and uuid != _identity(now.text)[1]:
            raise StoreError(f"this definition of {self._called(name)} has another UUID than what is there")

    def _forget(self, name: str, now: Image) -> None:
        if isinstance(now, Nothing):
            return
        if not self.commands.undefine:
            raise StoreError(f"{self._called(name)} is not ours to take away")
        virsh = Virsh(self.programs, self.uri)
        said = virsh.ask(self.commands.undefine, self.commands.listed(virsh)[name])
        if said.code != 0:
            raise StoreError(f"libvirt does not take {self._called(name)} away: {said.complaint}")

    def _kept(self, name: str) -> FileImage | None:
        if self.uri != SYSTEM:
            return None
        file = Files().image(self._path(name))
        return file if isinstance(file, FileImage) else None

    def _path(self, name: str) -> str:
        return path_of(Document(self.commands.kind, name))

    def _called(self, name: str) -> str:
        return f"{self.commands.kind} {name}"


def _identity(text: str) -> tuple[str, str]:
    """The name and the UUID that a definition gives itself; empty where it gives none."""
    root = tree(text)
    told = {child.tag: "".join(child.pieces) for child in root.children}
    return root.attributes.get("name") or told.get("name", ""), told.get("uuid", "").strip().lower()
