"""Edits made in texts, as pure functions: what an edit does not speak of stays as it is, byte for byte.

`apply_all` makes all edits of one document. Where a document is not there its text is None, before or after.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from virtwarden.edits import AddLine, CopyOf, Do, Edit, RemoveLine, Replace, SetConf, SetLine, SetMode, SetState
from virtwarden.model import Document
from virtwarden.splice import boot, conf, domainxml, lines
from virtwarden.splice.domainxml import XmlEdit
from virtwarden.splice.pieces import CannotApply

__all__ = ["CannotApply", "apply", "apply_all", "is_textual", "rewrites_text"]

_LIBVIRT = "/libvirt/"


def is_textual(edit: Edit) -> bool:
    """Whether an edit changes a document's text by what it says alone: not permissions, a state or a person's day, nor
    by what another file holds."""
    return not isinstance(edit, CopyOf | SetMode | SetState | Do)


def rewrites_text(edit: Edit) -> bool:
    """Whether a document's text is another one after the edit, whether or not the edit itself says which."""
    return is_textual(edit) or isinstance(edit, CopyOf)


def apply(edit: Edit, text: str | None, document: Document) -> str | None:
    """The text with the edit made. Raises `CannotApply`."""
    return apply_all((edit,), text, document)


def apply_all(edits: Sequence[Edit], text: str | None, document: Document) -> str | None:
    """The text with all these edits made, in order but for elements that are taken out by their number, which go
    last, so that all paths count the elements of the text that is given. Raises `CannotApply`."""
    try:
        for _, group in groupby(edits, key=lambda edit: isinstance(edit, XmlEdit)):
            text = _made(list(group), text, document)
    except CannotApply as wrong:
        raise CannotApply(f"{document}: {wrong}") from None
    return text


def _made(edits: list[Edit], text: str | None, document: Document) -> str | None:
    xml = [edit for edit in edits if isinstance(edit, XmlEdit)]
    if text is None and (xml or document.kind == "boot"):
        raise CannotApply("there is no such document")
    if xml:
        return domainxml.apply_all(xml, text or "")
    for edit in edits:
        text = _one(edit, text, document)
    return text


def _one(edit: Edit, text: str | None, document: Document) -> str | None:
    path = document.name
    match edit:
        case Replace(wanted):
            return wanted
        case SetConf():
            return conf.set_key(edit, text or "")
        case SetLine() | RemoveLine() if document.kind == "boot":
            return boot.edited(edit, text or "", path)
        case SetLine():
            return lines.set_line(edit, text or "", path)
        case AddLine():
            return lines.add_line(edit, text or "", path)
        case RemoveLine():
            if text is None:
                return None
            in_conf = _LIBVIRT in path and path.endswith(".conf")
            return conf.remove_key(edit.key, text) if in_conf else lines.remove_line(edit, text, path)
        case CopyOf() | SetMode() | SetState() | Do():
            raise CannotApply("this is no change of its text")
    raise AssertionError(edit)
