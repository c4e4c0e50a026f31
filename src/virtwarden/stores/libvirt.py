"""Guests and network filters as libvirt keeps them: told as XML, secrets included, and defined from it.

XML goes to virsh on standard input: it may hold passwords. libvirt stores its own spelling of what it is given, so the
image that counts is the one that it tells afterwards. A definition that libvirt told itself comes back to the same
bytes on disk, unless an older libvirt wrote the file; the definition is the same then, and its spelling is newer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from virtwarden.edits import Edit, RemoveElement
from virtwarden.formats import Malformed, xmltext
from virtwarden.formats.xmltext import Element
from virtwarden.model import Document
from virtwarden.splice import CannotApply, apply_all
from virtwarden.splice.xmlpaths import counts
from virtwarden.stores.images import Image, Nothing, StoreError, TextImage
from virtwarden.stores.programs import Programs

SYSTEM = "qemu:///system"
STDIN = "/dev/stdin"
_MISSING = re.compile(
    r"failed to get domain|Domain not found|no domain with matching|Network filter not found", re.I
)
_FAILED = re.compile(r"^error: (?!Failed to (?:define|get) )(.*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Virsh:
    """virsh, connected to the libvirt of this host."""

    programs: Programs
    uri: str = SYSTEM

    def ask(self, *words: str, given: str = "") -> str | None:
        """What virsh prints; None where libvirt has no such thing. Raises `StoreError`."""
        said = self.programs.ask(("virsh", "--quiet", "--connect", self.uri, *words), given)
        if said.code == 0:
            return said.stdout
        if _MISSING.search(said.stderr):
            return None
        reasons = _FAILED.findall(said.stderr)
        raise StoreError(f"libvirt: {reasons[-1] if reasons else said.complaint}")


@dataclass(frozen=True, slots=True)
class Domains:
    """The persistent definitions of guests."""

    programs: Programs = field(default_factory=Programs)
    uri: str = SYSTEM

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The definition that holds at the guest's next start. Raises `StoreError`, also for a guest that has none
        because it lives only as long as it runs."""
        del edits
        virsh = Virsh(self.programs, self.uri)
        said = virsh.ask("dumpxml", "--inactive", "--security-info", f"--domain={name}")
        if said is None:
            return Nothing()
        told = virsh.ask("dominfo", f"--domain={name}") or ""
        if re.search(r"^Persistent:\s*no", told, re.MULTILINE):
            raise StoreError(f"guest {name} has no definition: it is gone when it stops")
        return TextImage(said.rstrip("\n") + "\n")

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The definition with the edits made. Raises `StoreError`."""
        return _edited(document, image, edits)

    def put(self, name: str, image: Image) -> Image:
        """Define the guest so. Raises `StoreError`."""
        if not isinstance(image, TextImage):
            raise StoreError(f"guest {name} is not undefined by virt-warden")
        Virsh(self.programs, self.uri).ask("define", "--file", STDIN, given=image.text)
        return self.image(name)


@dataclass(frozen=True, slots=True)
class Nwfilters:
    """The network filters; guests that use one are filtered anew as it changes."""

    programs: Programs = field(default_factory=Programs)
    uri: str = SYSTEM

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The filter's definition. Raises `StoreError`."""
        del edits
        said = Virsh(self.programs, self.uri).ask("nwfilter-dumpxml", f"--nwfilter={name}")
        return Nothing() if said is None else TextImage(said.rstrip("\n") + "\n")

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The filter with the edits made. Raises `StoreError`."""
        return _edited(document, image, edits)

    def put(self, name: str, image: Image) -> Image:
        """Define the filter so; one that was not there goes again. Raises `StoreError`."""
        virsh = Virsh(self.programs, self.uri)
        if isinstance(image, TextImage):
            virsh.ask("nwfilter-define", "--file", STDIN, given=image.text)
        elif not isinstance(self.image(name), Nothing):
            virsh.ask("nwfilter-undefine", f"--nwfilter={name}")
        return self.image(name)


def is_ours(found: Image, before: Image, document: Document, edits: Sequence[Edit]) -> bool:
    """Whether a stored text is what these edits make of the one before, in libvirt's own spelling: the edits find
    nothing to do in it, and apart from what they speak of and what libvirt adds by itself it says what was said."""
    if not isinstance(found, TextImage) or not isinstance(before, TextImage):
        return False
    steady = [edit for edit in edits if not (isinstance(edit, RemoveElement) and counts(edit.path))]
    try:
        if apply_all(steady, found.text, document) != found.text:
            return False
        wanted = apply_all(edits, before.text, document)
        return _says_all_of(xmltext.parse(found.text), xmltext.parse(wanted or ""))
    except (CannotApply, Malformed):
        return False


def _says_all_of(found: Element, wanted: Element) -> bool:
    """Whether an element has all that another one has; libvirt adds addresses and aliases, and has its own order."""
    if found.tag != wanted.tag or (found.text or "").strip() != (wanted.text or "").strip():
        return False
    if not wanted.attrib.items() <= found.attrib.items():
        return False
    left = list(found)
    for child in wanted:
        match = next((each for each in left if _says_all_of(each, child)), None)
        if match is None:
            return False
        left.remove(match)
    return all(child.tag in _ADDED for child in left)


_ADDED = ("address", "alias", "master", "controller")


def _edited(document: Document, image: Image, edits: Sequence[Edit]) -> Image:
    text = image.text if isinstance(image, TextImage) else None
    try:
        after = apply_all(edits, text, document)
    except CannotApply as wrong:
        raise StoreError(str(wrong)) from None
    if after is not None and text is not None and _uuid(after) != _uuid(text):
        raise StoreError(f"{document}: its uuid is not changed by an edit")
    return Nothing() if after is None else TextImage(after)


def _uuid(text: str) -> str:
    return next(_elements(text, "uuid"), "")


def _elements(text: str, tag: str) -> Iterator[str]:
    try:
        yield from (child.text or "" for child in xmltext.parse(text) if child.tag == tag)
    except Malformed:
        return
