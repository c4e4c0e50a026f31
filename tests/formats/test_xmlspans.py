"""XML with spans, held against lxml and against the bytes themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from lxml import etree

from tests.splice.trees import documents
from virtwarden.formats import Malformed, xmlspans, xmltext
from virtwarden.formats.xmlspans import Element


def every(element: Element) -> Iterator[Element]:
    yield element
    for child in element.children:
        yield from every(child)


@settings(max_examples=150)
@given(text=documents())
def test_each_element_is_what_stands_in_its_span(text: str) -> None:
    data = text.encode()
    theirs = [element for element in xmltext.parse(text).iter() if isinstance(element.tag, str)]
    ours = list(every(xmlspans.parse(data)))
    assert [(one.tag, one.attributes) for one in ours] == [(one.tag, dict(one.attrib)) for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        alone = etree.fromstring(data[one.start : one.end], etree.XMLParser(remove_comments=True, remove_pis=True))
        assert etree.tostring(alone, method="c14n") == etree.tostring(other, method="c14n", with_tail=False)
        assert one.closes_itself == (data[one.inner - 2 : one.end] == b"/>")
        assert data[one.close : one.end] == (b"" if one.closes_itself else f"</{one.tag}>".encode())
        spots = xmlspans.attributes(data, one)
        assert spots.keys() == one.attributes.keys()
        for name, spot in spots.items():
            assert data[spot.start : spot.end].strip().startswith(name.encode())
            lone = etree.fromstring(b"<a" + data[spot.start : spot.end] + b"/>")
            assert lone.get(name) == one.attributes[name]


def test_names_of_a_namespace_are_written_out() -> None:
    root = xmlspans.parse(b"<d xmlns:q='urn:q'><q:c q:x='1' x='2'/><e xmlns='urn:e'/></d>")
    assert [child.tag for child in root.children] == ["{urn:q}c", "{urn:e}e"]
    assert root.children[0].attributes == {"{urn:q}x": "1", "x": "2"}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", 1),
        (b"\n<a>\n</b>", 3),
        (b"<a/><b/>", 1),
        (b"<a x='1' x='2'/>", 1),
        (b"<a>\xff</a>", 1),
        (b"\n<!DOCTYPE a><a/>", 2),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 1),
        (b"<a>&b;</a>", 1),
        (b"<q:a/>", 1),
        (b"<a>\0</a>", 1),
    ],
)
def test_what_is_not_xml_is_malformed_with_its_line(data: bytes, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        xmlspans.parse(data)
    assert refused.value.line == line


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<a>" + b"<b/>\n" * 200_000 + b"</a>",
        b"<a" + b"".join(b" x%d='%s'" % (n, b"y" * 20) for n in range(30_000)) + b"/>",
        b"<a x='" + b"y= " * 300_000 + b"'/>",
        b"<a>" + b" x='1'" * 100_000 + b"</a>",
    ],
)
def test_much_takes_no_more_than_its_time(data: bytes) -> None:
    begun = time.process_time()
    root = xmlspans.parse(data)
    xmlspans.attributes(data, root)
    assert time.process_time() - begun < 5
