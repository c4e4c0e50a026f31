"""XML that came from elsewhere: parsed without entities, DTDs or network, with the line of each element."""

from __future__ import annotations

import re

from lxml import etree

from virtwarden.formats import Malformed

Element = etree._Element

LONGEST = 4 * 2**20
"""The longest text that libvirt's protocol carries: no definition is longer."""

_BEFORE = re.compile(r"\s+|\ufeff|<\?.*?\?>|<!--.*?-->", re.DOTALL)


def parse(text: str) -> Element:
    """The root element; `element.sourceline` is its line. An encoding that the text declares is not heeded,
    since it is text already. Raises `Malformed`."""
    if len(text) > LONGEST:
        raise Malformed(f"{len(text)} characters are more than libvirt takes for one definition")
    start = 0
    while before := _BEFORE.match(text, start):
        start = before.end()
    if text.startswith("<!DOCTYPE", start):
        line = text.count("\n", 0, start) + 1
        raise Malformed("a document type declaration is not accepted here", line)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        return etree.fromstring(text.encode("utf-8", "surrogateescape"), parser)
    except (etree.XMLSyntaxError, ValueError) as wrong:
        line = getattr(wrong, "lineno", None) or 0
        raise Malformed(f"not well-formed XML: {getattr(wrong, 'msg', wrong)}", line) from None


def line_of(element: Element) -> int:
    """The line on which an element's start tag ends, counted from 1."""
    line = element.sourceline
    return line if isinstance(line, int) else 0
