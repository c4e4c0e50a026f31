"""XML from elsewhere, hostile XML among it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import XML
from virtwarden.formats import Malformed, xmltext


def test_elements_know_their_line() -> None:
    root = xmltext.parse(XML)
    assert root.tag == "domain"
    assert xmltext.line_of(root) == 3
    disk = root.find("devices/disk")
    assert disk is not None
    assert xmltext.line_of(disk) == 5
    assert root.findtext("name") == "web & more A"


def test_comments_and_processing_instructions_are_gone() -> None:
    root = xmltext.parse("<!-- a --><?b c?><d><!-- e --><f/><?g?></d><!-- h -->")
    assert [child.tag for child in root] == ["f"]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-16", "ISO-8859-1", "latin1", "EBCDIC-CP-BE", "no-such"])
def test_a_declared_encoding_is_not_heeded(encoding: str) -> None:
    root = xmltext.parse(f"<?xml version='1.0' encoding='{encoding}'?>\n<a>caf\u00e9 \u20ac</a>")
    assert root.text == "caf\u00e9 \u20ac"


def test_a_byte_order_mark_is_no_matter() -> None:
    assert xmltext.parse("\ufeff<a/>").tag == "a"


LAUGHS = '<!ENTITY a "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<!DOCTYPE a><a/>", 1),
        ("\ufeff<!DOCTYPE a><a/>", 1),
        ("<?xml version='1.0'?>\n<!-- <a> -->\n<!DOCTYPE a SYSTEM 'file:///etc/passwd'>\n<a/>", 3),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\n<a>&x;</a>", 1),
        (f"<!DOCTYPE a [{LAUGHS}]>\n<a b='&a9;'>&a9;</a>", 1),
        ("\n <!DOCTYPE a [<!ENTITY % x SYSTEM 'http://192.0.2.1/x.dtd'>%x;]><a/>", 2),
    ],
)  # fmt: skip
def test_a_document_type_is_malformed_before_anything_is_expanded(text: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        xmltext.parse(text)
    assert refused.value.line == line
    assert "document type" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "no xml",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&undefined;</a>",
        "<a b='&undefined;'/>",
        "<a b='1' b='2'/>",
        "<a>\0</a>",
        "<a>&#0;</a>",
        "<a>\x01</a>",
        "<a>\ud800</a>",
        "<a b='\udcff'/>",
        "<a x:b='1'/><",
        "<a>" * 100_000,
        "<a>" * 5000 + "</a>" * 5000,
        "<!-- only -->",
        "<?xml version='1.0'?>",
        "<?xml version='1.0'?>" + "<?x?>" * 5000,
    ],
)
def test_what_is_not_well_formed_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        xmltext.parse(text)


def test_a_very_long_attribute_is_read_in_good_time() -> None:
    started = time.process_time()
    assert len(xmltext.parse(f"<a b='{'x' * 4_000_000}'/>").get("b", "")) == 4_000_000
    assert time.process_time() - started < 5


def test_more_than_libvirt_takes_is_malformed() -> None:
    with pytest.raises(Malformed, match="more than libvirt takes"):
        xmltext.parse("<a>" + "<b/>" * 2_000_000 + "</a>")


def test_the_line_of_a_mistake_is_told() -> None:
    with pytest.raises(Malformed) as refused:
        xmltext.parse("<a>\n<b>\n</c>\n</a>")
    assert refused.value.line == 3


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=12)


@given(name=NAMES, attribute=NAMES, value=TEXTS, text=TEXTS)
def test_what_is_written_is_read(name: str, attribute: str, value: str, text: str) -> None:
    def escaped(raw: str) -> str:
        return raw.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")

    root = xmltext.parse(f'<{name} {attribute}="{escaped(value)}">{escaped(text)}</{name}>')
    assert (root.tag, root.get(attribute), root.text or "") == (name, value, text)
