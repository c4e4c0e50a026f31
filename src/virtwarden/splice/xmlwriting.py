"""Pieces of XML in the manner of the document they go into: its quotes, its indentation, its line ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from virtwarden.formats import xmlspans
from virtwarden.formats.xmlspans import Element
from virtwarden.splice import pieces
from virtwarden.splice.pieces import CannotApply

Splice = pieces.Splice[bytes]

_FIRST_QUOTE = re.compile(rb"""<[^\s!?/>]+\s+[^\s=>]+\s*=\s*(["'])""")
_LINE_REST = re.compile(rb"[ \t]*(?:\r?\n|\Z)")
_CLOSING = re.compile(rb"\s*/>\Z")
_INDENT = "  "
_ENTITIES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;", '"': "&quot;", "'": "&apos;"}


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is written."""

    quote: str
    indent: str
    line_end: str

    def attribute(self, name: str, value: str) -> str:
        """An attribute with its value in this document's quotes."""
        return f"{name}={self.quote}{escaped(value, self.quote)}{self.quote}"


def style_of(data: bytes, root: Element) -> Style:
    """The manner of a document, libvirt's own where it does not show."""
    quote = _FIRST_QUOTE.search(data, root.start)
    margins = [found for child in root.children if (found := margin(data, child.start)) is not None]
    own = margin(data, root.start) or ""
    indent = margins[0].removeprefix(own) if margins else _INDENT
    return Style("'" if quote is None else quote[1].decode(), indent, "\r\n" if b"\r\n" in data else "\n")


def escaped(value: str, quote: str) -> str:
    """An attribute's value, fit to stand between these quotes."""
    return escape(value, {mark: entity for mark, entity in _ENTITIES.items() if mark == quote or mark.isspace()})


def margin(data: bytes, at: int) -> str | None:
    """The blanks before this place if there is nothing else before it on its line."""
    before = data[data.rfind(b"\n", 0, at) + 1 : at]
    return None if before.strip(b" \t") else before.decode()


def attribute_splices(data: bytes, element: Element, wanted: Mapping[str, str], style: Style) -> list[Splice]:
    """What gives an element these attributes: each in the quotes it has, new ones behind all others."""
    spots = xmlspans.attributes(data, element)
    splices: list[Splice] = []
    new = ""
    for name, value in wanted.items():
        spot = spots.get(name)
        if spot is None:
            new += f" {style.attribute(name, value)}"
        elif element.attributes[name] != value:
            splices.append((spot.value_start, spot.value_end, _bytes(escaped(value, spot.quote.decode()))))
    if new:
        at = max((spot.end for spot in spots.values()), default=xmlspans.name_end(data, element))
        splices.append((at, at, _bytes(new)))
    return splices


def text_splice(data: bytes, element: Element, text: str) -> Splice:
    """What gives an element without children this text."""
    if element.children:
        raise CannotApply(f"<{element.tag}> has elements where a text should be")
    if element.closes_itself:
        return _opened(data, element, escape(text))
    return element.inner, element.close, _bytes(escape(text))


def children_splice(data: bytes, parent: Element, new: Sequence[Element], style: Style) -> Splice:
    """What puts new elements behind all others of their parent, on lines of their own if it has such."""
    closing = data.rfind(b"\n", 0, parent.close) + 1
    if closing > parent.inner and margin(data, parent.close) is not None:
        return closing, closing, _bytes(_lines(new, _margin_within(data, parent, style), style))
    own = margin(data, parent.start)
    if own is not None and not data[parent.inner : parent.close].strip():
        return _opened(data, parent, style.line_end + _lines(new, own + style.indent, style) + own)
    body = "".join(written(element, style) for element in new)
    if parent.closes_itself:
        return _opened(data, parent, body)
    return parent.close, parent.close, _bytes(body)


def removal_splices(data: bytes, elements: Iterable[Element]) -> list[Splice]:
    """What takes elements out, with their lines where they have these for themselves."""
    chosen = dict.fromkeys(elements)
    return [_removal(data, element) for element in chosen if not any(above in chosen for above in _above(element))]


def written(element: Element, style: Style, at: str | None = None) -> str:
    """A new element as text; its children on lines of their own if it begins `at` such a margin."""
    if "{" in element.tag or (element.children and element.text):
        raise CannotApply(f"<{element.tag}> is more than can be put in")
    head = " ".join((element.tag, *(style.attribute(*each) for each in element.attributes.items())))
    if element.children and at is not None:
        body = style.line_end + _lines(element.children, at + style.indent, style) + at
    else:
        body = "".join(written(child, style) for child in element.children) or escape(element.text)
    return f"<{head}>{body}</{element.tag}>" if body else f"<{head}/>"


def _lines(elements: Iterable[Element], at: str, style: Style) -> str:
    return "".join(at + written(element, style, at) + style.line_end for element in elements)


def _margin_within(data: bytes, parent: Element, style: Style) -> str:
    margins = (margin(data, child.start) for child in parent.children)
    own = margin(data, parent.start) or ""
    return next((found for found in margins if found is not None), own + style.indent)


def _opened(data: bytes, element: Element, body: str) -> Splice:
    """The element, which has nothing within, with this body."""
    name = data[element.start + 1 : xmlspans.name_end(data, element)].decode()
    closing = _CLOSING.search(data[element.start : element.inner])
    start = element.inner - 1 if closing is None else element.start + closing.start()
    return start, element.end, _bytes(f">{body}</{name}>")


def _removal(data: bytes, element: Element) -> Splice:
    if element.parent is None:
        raise CannotApply("the root of a document cannot be taken out of it")
    rest = _LINE_REST.match(data, element.end)
    before = margin(data, element.start)
    if rest is None or before is None:
        return element.start, element.end, b""
    return element.start - len(before), rest.end(), b""


def _above(element: Element) -> Iterable[Element]:
    while element.parent is not None:
        element = element.parent
        yield element


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CannotApply("what is to be put in holds what is no character") from None
