"""Edits of XML that libvirt keeps: domains, networks, filters. All bytes that an edit does not speak of stay.

All edits of one document are made together, so that paths mean what they meant when the document was judged:
those that take elements out by their number do so last and at once, when nothing can shift the count any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from virtwarden.edits import InsertElement, RemoveAttribute, RemoveElement, SetAttribute
from virtwarden.formats import Malformed, xmlspans
from virtwarden.formats.xmlspans import Element
from virtwarden.splice import xmlwriting
from virtwarden.splice.pieces import CannotApply, joined
from virtwarden.splice.xmlpaths import counts, select
from virtwarden.splice.xmlwriting import Splice, Style

XmlEdit = SetAttribute | RemoveAttribute | InsertElement | RemoveElement


def apply_all(edits: Sequence[XmlEdit], text: str) -> str:
    """The text with all of these edits made. Raises `CannotApply`."""
    last = [edit for edit in edits if isinstance(edit, RemoveElement) and counts(edit.path)]
    data = _in_rounds([edit for edit in edits if edit not in last], _encoded(text))
    if last:
        root = _parsed(data)
        gone = chain.from_iterable(select(root, edit.path) for edit in last)
        data = joined(data, xmlwriting.removal_splices(data, gone))
    _check(data)
    return data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise CannotApply("the text holds what is no character") from None


def _check(data: bytes) -> None:
    try:
        xmlspans.check(data)
    except Malformed as wrong:
        raise CannotApply(f"what comes out is {wrong}") from None


def _parsed(data: bytes) -> Element:
    try:
        return xmlspans.parse(data)
    except Malformed as wrong:
        raise CannotApply(str(wrong)) from None


@lru_cache(maxsize=256)
def _element(xml: str) -> Element:
    """The element that an edit puts in; many guests get the same one."""
    return _parsed(_encoded(xml))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A splice, and the name of the attribute or element that its edit speaks of."""

    splice: Splice
    name: str

    def meets(self, other: _Piece) -> bool:
        """Whether the two must not be made at one go. Things of different names may be put into one place."""
        (start, end, _), (from_, to, _) = self.splice, other.splice
        side_by_side = start == end and from_ == to and self.name != other.name
        return start <= to and from_ <= end and not side_by_side


def _in_rounds(edits: Iterable[XmlEdit], data: bytes) -> bytes:
    """Edits of different places are made at one go; one that needs or meets what another made waits for it."""
    root = _parsed(data)
    gathered: list[_Piece] = []
    for edit in edits:
        new = _beside(gathered, edit, root, data)
        if new is None:
            data, gathered = _joined(data, gathered), []
            root = _parsed(data)
            new = _pieces(edit, root, data)
        gathered += new
    return _joined(data, gathered)


def _joined(data: bytes, gathered: Iterable[_Piece]) -> bytes:
    return joined(data, (piece.splice for piece in gathered))


def _beside(gathered: list[_Piece], edit: XmlEdit, root: Element, data: bytes) -> list[_Piece] | None:
    try:
        new = _pieces(edit, root, data)
    except CannotApply:
        return None
    return None if any(one.meets(other) for one in new for other in gathered) else new


def _pieces(edit: XmlEdit, root: Element, data: bytes) -> list[_Piece]:
    name = edit.name if isinstance(edit, SetAttribute | RemoveAttribute) else ""
    if isinstance(edit, InsertElement):
        name = _element(edit.xml).tag
    return [_Piece(splice, name) for splice in _splices(edit, root, data)]


def _splices(edit: XmlEdit, root: Element, data: bytes) -> list[Splice]:
    style = xmlwriting.style_of(data, root)
    match edit:
        case SetAttribute(path, name, value):
            wanted = {name: value}
            found = _present(root, path)
            return [s for each in found for s in xmlwriting.attribute_splices(data, each, wanted, style)]
        case RemoveAttribute(path, name):
            spots = [xmlspans.attributes(data, element).get(name) for element in select(root, path)]
            return [(spot.start, spot.end, b"") for spot in spots if spot is not None]
        case InsertElement(path, xml):
            new = _element(xml)
            return [s for parent in _present(root, path) for s in _inserted(data, parent, [new], style)]
        case RemoveElement(path):
            return xmlwriting.removal_splices(data, select(root, path))


def _present(root: Element, path: str) -> list[Element]:
    found = select(root, path)
    if not found:
        raise CannotApply(f"there is no element at {path}")
    return found


def _inserted(data: bytes, parent: Element, new: Iterable[Element], style: Style) -> list[Splice]:
    """What lets these elements stand below their parent: one that is there already takes on what it lacks."""
    splices: list[Splice] = []
    missing: list[Element] = []
    for element in new:
        old = next((child for child in parent.children if _is_same(child, element)), None)
        if old is None:
            missing.append(element)
            continue
        splices += xmlwriting.attribute_splices(data, old, element.attributes, style)
        splices += _inserted(data, old, element.children, style)
        if element.text and element.text != old.text:
            splices.append(xmlwriting.text_splice(data, old, element.text))
    if missing:
        splices.append(xmlwriting.children_splice(data, parent, missing, style))
    return splices


def _is_same(old: Element, new: Element) -> bool:
    """Whether what is there is what is to be there, or what that would take the place of."""
    if old.tag != new.tag:
        return False
    if new.tag in _WHOLE:
        return _has_all_of(old, new) and _has_all_of(new, old)
    if new.tag in _MANY or (old.parent is not None and old.parent.tag in _LISTS):
        return _has_all_of(old, new)
    name = _TOLD_APART_BY.get(new.tag)
    return name is None or old.attributes.get(name) == new.attributes.get(name)


def _has_all_of(old: Element, new: Element) -> bool:
    """Whether an element has all that another has; libvirt adds addresses and aliases to what it is given."""
    return (
        old.tag == new.tag
        and new.attributes.items() <= old.attributes.items()
        and new.text in ("", old.text)
        and all(any(_has_all_of(child, wanted) for child in old.children) for wanted in new.children)
    )


_TOLD_APART_BY = {
    "channel": "name",
    "feature": "name",
    "iothreadpin": "iothread",
    "parameter": "name",
    "seclabel": "model",
    "timer": "name",
    "vcpupin": "vcpu",
}
"""What may stand more than once below one parent, and the attribute that tells one from the other."""

_MANY = ("boot", "host", "listen", "tag")
_WHOLE = ("rule",)
_LISTS = ("devices", "filter")
"""Elements, and parents of such, that may stand side by side without anything to tell them apart by."""
