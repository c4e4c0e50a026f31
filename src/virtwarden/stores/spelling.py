"""Whether a definition that libvirt tells is what a change of ours left: libvirt spells what it is given anew.

What no edit speaks of was in libvirt's spelling before, so it must still stand there to the letter. What an edit
put in must be there; libvirt may have added to it, and to its place, only what it is known to add.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit, Replace
from virtwarden.formats import Malformed, xmlspans
from virtwarden.formats.xmlspans import Element
from virtwarden.splice import CannotApply, domainxml
from virtwarden.splice.domainxml import XmlEdit
from virtwarden.splice.pieces import joined
from virtwarden.stores.images import Image, Nothing, TextImage, same

_MARK = "virt-warden-mark"
_AUTOMATIC = ("port", "tlsPort")


def is_ours(now: Image, before: Image, edits: Sequence[Edit]) -> bool:
    """Whether `now` is what these edits made of `before`, or `before` itself: nobody else changed anything."""
    if isinstance(now, TextImage) and isinstance(before, TextImage) and now.text == before.text:
        return True
    if same(now, before):
        return True
    if edits and isinstance(edits[-1], Replace):
        return _is_given(now, edits[-1].text)
    xml = [edit for edit in edits if isinstance(edit, XmlEdit)]
    if len(xml) < len(edits) or not (isinstance(now, TextImage) and isinstance(before, TextImage)):
        return False
    try:
        return _is_made(now.text, before.text, xml)
    except (CannotApply, Malformed):
        return False


def _is_given(now: Image, text: str | None) -> bool:
    """Whether a document that is ours alone is what we wrote."""
    if text is None or not isinstance(now, TextImage):
        return text is None and isinstance(now, Nothing)
    try:
        return _Made({}).fits(_tree(text), _tree(now.text))
    except Malformed:
        return False


def _is_made(now: str, before: str, edits: Sequence[XmlEdit]) -> bool:
    """The elements of the old text are marked, so that the new one tells which of its own come from where."""
    data = before.encode("utf-8", "surrogateescape")
    old = list(_every(xmlspans.parse(data)))
    marks = [(xmlspans.name_end(data, element), number) for number, element in enumerate(old)]
    marked = joined(data, ((at, at, f" {_MARK}='{number}'".encode()) for at, number in marks))
    wanted = _tree(domainxml.apply_all(edits, marked.decode("utf-8", "surrogateescape")))
    return _Made({str(number): element for number, element in enumerate(old)}).fits(wanted, _tree(now))


def _tree(text: str) -> Element:
    return xmlspans.parse(text.encode("utf-8", "surrogateescape"))


def _every(element: Element) -> Iterator[Element]:
    yield element
    for child in element.children:
        yield from _every(child)


@dataclass(frozen=True, slots=True)
class _Made:
    """A text that edits made of another, of which `old` holds the elements by their marks."""

    old: dict[str, Element]

    def fits(self, wanted: Element, held: Element) -> bool:
        """Whether an element that libvirt tells is this one of the made text."""
        was = self._origin(wanted)
        if was is not None and not self._is_touched(wanted, was):
            return _is_alike(was, held)
        same_attributes = (
            _plain(wanted).items() <= held.attributes.items()
            if was is None
            else _settled(_plain(wanted)) == _settled(held.attributes)
        )
        return (
            wanted.tag == held.tag
            and wanted.text == held.text
            and same_attributes
            and self._holds(wanted, held, was)
        )

    def _origin(self, wanted: Element) -> Element | None:
        return self.old.get(wanted.attributes.get(_MARK, ""))

    def _is_touched(self, wanted: Element, was: Element) -> bool:
        if _plain(wanted) != was.attributes or wanted.text != was.text:
            return True
        if [self._origin(child) for child in wanted.children] != was.children:
            return True
        return any(self._is_touched(*pair) for pair in zip(wanted.children, was.children, strict=True))

    def _holds(self, wanted: Element, held: Element, was: Element | None) -> bool:
        """Whether the wanted children are there, those of one name in order, and no others but libvirt's own."""
        origins = [self._origin(child) for child in wanted.children]
        gone = [] if was is None else [child for child in was.children if child not in origins]
        due = list(wanted.children)
        for child in held.children:
            first = next((each for each in due if each.tag == child.tag), None)
            if first is not None and self.fits(first, child):
                due.remove(first)
            elif not _is_added(child, is_new=was is None, grew=None in origins, gone=gone):
                return False
        return all(self._is_emptied(each) for each in due)

    def _is_emptied(self, wanted: Element) -> bool:
        """Whether edits left nothing of it; libvirt drops such an element."""
        was = self._origin(wanted)
        emptied = was is not None and bool(was.children) and not wanted.children
        return emptied and not _plain(wanted) and not wanted.text


def _is_added(child: Element, *, is_new: bool, grew: bool, gone: Sequence[Element]) -> bool:
    """Whether what nobody asked for is libvirt's addition to an element that is new, grew, or lost something."""
    if any(_is_alike(child, each) for each in gone):
        return False
    match child.tag:
        case "uuid":
            return is_new
        case "address":
            return is_new or "address" in {each.tag for each in gone}
        case "mac":
            return "mac" in {each.tag for each in gone}
        case "controller":
            return grew and child.attributes.get("type") == "pci"
    return False


def _is_alike(one: Element, other: Element) -> bool:
    return (one.tag, one.attributes, one.text, len(one.children)) == (
        other.tag,
        other.attributes,
        other.text,
        len(other.children),
    ) and all(map(_is_alike, one.children, other.children))


def _plain(element: Element) -> dict[str, str]:
    return {name: value for name, value in element.attributes.items() if name != _MARK}


def _settled(attributes: dict[str, str]) -> dict[str, str]:
    """Without the ports that libvirt chooses itself, which it does not always write down."""
    return {name: value for name, value in attributes.items() if name not in _AUTOMATIC or value != "-1"}
