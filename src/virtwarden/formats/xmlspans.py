"""XML as a tree that knows where in the bytes each of its elements stands, so that one can be changed alone.

Like `xmltext` it takes no document type declaration and heeds no declared encoding: the bytes are UTF-8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from virtwarden.formats import Malformed

_START_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=>/]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_ATTRIBUTE = re.compile(rb"""(?P<blank>\s+)(?P<name>[^\s=>/]+)\s*=\s*(?P<value>"[^"]*"|'[^']*')""")
_NAME_END = re.compile(rb"[\s/>]")


@dataclass(slots=True, eq=False)
class Element:
    """One element. Its start tag stands in `start:inner`, its content in `inner:close`, and it ends at `end`; of
    one that closes itself the last three are equal. Names from a namespace are written `{namespace}name`."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    start: int
    inner: int
    close: int = 0
    end: int = 0
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The characters between its children, without the blanks around them."""
        return "".join(self.pieces).strip()

    @property
    def closes_itself(self) -> bool:
        """Whether it is written `<name/>`."""
        return self.inner == self.end


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an attribute stands: with the blanks before it, and its value without the quotes."""

    start: int
    value_start: int
    value_end: int
    quote: bytes

    @property
    def end(self) -> int:
        """Behind the closing quote."""
        return self.value_end + 1


def parse(data: bytes) -> Element:
    """The root element. Raises `Malformed`."""
    builder = _Builder(data)
    _read(builder.parser, data)
    assert builder.root is not None  # a text without elements is not well-formed
    return builder.root


def check(data: bytes) -> None:
    """Raises `Malformed` for bytes that are not well-formed; cheaper than to parse them."""
    _read(expat.ParserCreate("utf-8", "}"), data)


def _read(parser: expat.XMLParserType, data: bytes) -> None:
    try:
        parser.Parse(data, True)
    except expat.ExpatError as wrong:
        raise Malformed(f"not well-formed XML: {expat.ErrorString(wrong.code)}", wrong.lineno) from None


def attributes(data: bytes, element: Element) -> dict[str, Spot]:
    """The attributes in an element's start tag, by their names as they are written."""
    spots: dict[str, Spot] = {}
    for found in _ATTRIBUTE.finditer(data, name_end(data, element), element.inner):
        start, end = found.span("value")
        spots[found["name"].decode()] = Spot(found.start(), start + 1, end - 1, data[start : start + 1])
    return spots


def name_end(data: bytes, element: Element) -> int:
    """Where the name in an element's start tag ends."""
    found = _NAME_END.search(data, element.start)
    return element.inner if found is None else found.start()


class _Builder:
    """What the parser tells, put together."""

    def __init__(self, data: bytes) -> None:
        self.root: Element | None = None
        self._data = data
        self._open: list[Element] = []
        self.parser = expat.ParserCreate("utf-8", "}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, found: dict[str, str]) -> None:
        start = self.parser.CurrentByteIndex
        tag = _START_TAG.match(self._data, start)
        if tag is None:
            raise Malformed(f"the start tag of {name} is not where it should be", self.parser.CurrentLineNumber)
        parent = self._open[-1] if self._open else None
        element = Element(
            _clark(name), {_clark(key): value for key, value in found.items()}, parent, start, tag.end()
        )
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._open.append(element)

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        if self._data[element.inner - 2 : element.inner] == b"/>":
            element.close = element.end = element.inner
        else:
            element.close = self.parser.CurrentByteIndex
            element.end = self._data.index(b">", element.close) + 1

    def _text(self, text: str) -> None:
        self._open[-1].pieces.append(text)

    def _doctype(self, *_names: object) -> NoReturn:
        raise Malformed("a document type declaration is not accepted here", self.parser.CurrentLineNumber)


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name
