"""Which changes of a guest's definition libvirt can make in the running guest too, without its being started anew."""

from __future__ import annotations

import re
from collections.abc import Sequence

from virtwarden.edits import Edit, InsertElement, RemoveAttribute, SetAttribute
from virtwarden.splice.domainxml import XmlEdit

LIVE_DEVICE = re.compile(r"(devices/(interface|graphics)(?:\[[^\]/\s]+\])*)(?:/(.+))?")
_PARTS = re.compile(r"(?:filterref|link)(?:[/\[].*)?")
_INSERTED = re.compile(r"\s*<(?:filterref|link)[\s/>]")
_ATTRIBUTES = {"interface": ("trustGuestRxFilters",), "graphics": ("passwd", "passwdValidTo", "connected")}


def live_edits(edits: Sequence[Edit]) -> tuple[XmlEdit, ...]:
    """The edits of a guest's definition that libvirt can make in the running guest too: the filter and the link of
    an interface, and whether it trusts the guest's own; the password of a console and how long it holds."""
    return tuple(edit for edit in edits if isinstance(edit, XmlEdit) and _is_live(edit))


def _is_live(edit: XmlEdit) -> bool:
    found = LIVE_DEVICE.fullmatch(edit.path)
    if found is None:
        return False
    device, part = found[2], found[3]
    if part is not None:
        return device == "interface" and _PARTS.fullmatch(part) is not None
    match edit:
        case SetAttribute() | RemoveAttribute():
            return edit.name in _ATTRIBUTES[device]
        case InsertElement(_, xml):
            return device == "interface" and _INSERTED.match(xml) is not None
    return False
