"""XML that came from elsewhere: parsed without entities, DTDs or network, with the line of each element."""

from __future__ import annotations

from lxml import etree

from virtwarden.formats import Malformed

Element = etree._Element

_FORBIDDEN = "a document type declaration is not accepted here"


def parse(text: str) -> Element:
    """The root element; `element.sourceline` is its line. Raises `Malformed`."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "surrogateescape"), parser)
    except (etree.XMLSyntaxError, ValueError) as wrong:
        line = getattr(wrong, "lineno", None) or 0
        raise Malformed(f"not well-formed XML: {getattr(wrong, 'msg', wrong)}", line) from None
    if root is None:
        raise Malformed("no XML element in it")
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed(_FORBIDDEN, 1)
    return root


def line_of(element: Element) -> int:
    """The line on which an element's start tag ends, counted from 1."""
    line = element.sourceline
    return line if isinstance(line, int) else 0
