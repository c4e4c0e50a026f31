"""Names in certificates, from their DER encoding to the text that libvirt compares: GnuTLS's spelling, byte for byte.

libvirt asks `gnutls_x509_crt_get_dn`. Attributes stay in the order in which they are encoded, values that GnuTLS does
not take for text are told as `#` and the hexadecimal of their encoding, and those of some old string types as an
escaped `#` and the hexadecimal of their content. Seen with GnuTLS 3.7; source of the names: RFC 4519 and GnuTLS's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.formats import Malformed

SEQUENCE, SET, OBJECT = 0x30, 0x31, 0x06
_UTF8, _NUMERIC, _PRINTABLE, _TELETEX, _IA5, _UNIVERSAL, _BMP = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1C, 0x1E
_DIRECTORY = frozenset({_UTF8, _PRINTABLE, _TELETEX, _UNIVERSAL, _BMP})
_SPECIAL = re.compile(rb'[,+"\\<>;]|\A[# ]| \Z')
_LARGEST_ARC = 1 << 64


@dataclass(frozen=True, slots=True)
class _Known:
    """How GnuTLS knows an attribute: its short name (empty: the OID) and the string types that it takes for text."""

    name: str
    tags: frozenset[int] = _DIRECTORY


def _only(name: str, tag: int) -> _Known:
    return _Known(name, frozenset({tag}))


_KNOWN = {
    "2.5.4.3": _Known("CN"),
    "2.5.4.4": _Known("surName"),
    "2.5.4.5": _only("serialNumber", _PRINTABLE),
    "2.5.4.6": _only("C", _PRINTABLE),
    "2.5.4.7": _Known("L"),
    "2.5.4.8": _Known("ST"),
    "2.5.4.9": _Known("street"),
    "2.5.4.10": _Known("O"),
    "2.5.4.11": _Known("OU"),
    "2.5.4.12": _Known("title"),
    "2.5.4.13": _Known("description"),
    "2.5.4.15": _Known("businessCategory"),
    "2.5.4.17": _Known("postalCode"),
    "2.5.4.20": _only("telephoneNumber", _PRINTABLE),
    "2.5.4.41": _Known("name"),
    "2.5.4.42": _Known("givenName"),
    "2.5.4.43": _Known("initials"),
    "2.5.4.44": _Known("generationQualifier"),
    "2.5.4.46": _only("dnQualifier", _PRINTABLE),
    "2.5.4.65": _Known("pseudonym"),
    "0.9.2342.19200300.100.1.1": _Known("UID"),
    "0.9.2342.19200300.100.1.25": _only("DC", _IA5),
    "1.2.840.113549.1.9.1": _only("EMAIL", _IA5),
    "1.2.840.113549.1.9.7": _Known("", frozenset({_UTF8, _PRINTABLE})),
    "1.2.840.113549.1.9.20": _only("", _BMP),
    "1.2.840.113556.1.4.656": _Known("userPrincipalName"),
    "1.2.643.3.131.1.1": _only("INN", _NUMERIC),
    "1.2.643.100.1": _only("OGRN", _NUMERIC),
    "1.2.643.100.3": _only("SNILS", _NUMERIC),
    "1.2.643.100.5": _only("OGRNIP", _NUMERIC),
    "1.3.6.1.5.5.7.8.5": _only("XmppAddr", _UTF8),
    "1.3.6.1.5.5.7.9.2": _Known("placeOfBirth"),
    "1.3.6.1.5.5.7.9.3": _only("gender", _PRINTABLE),
    "1.3.6.1.5.5.7.9.4": _only("countryOfCitizenship", _PRINTABLE),
    "1.3.6.1.5.5.7.9.5": _only("countryOfResidence", _PRINTABLE),
    "1.3.6.1.4.1.311.60.2.1.1": _Known("jurisdictionOfIncorporationLocalityName"),
    "1.3.6.1.4.1.311.60.2.1.2": _Known("jurisdictionOfIncorporationStateOrProvinceName"),
    "1.3.6.1.4.1.311.60.2.1.3": _only("jurisdictionOfIncorporationCountryName", _PRINTABLE),
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of DER: its tag, its content, and both with the length between them."""

    tag: int
    content: bytes
    whole: bytes


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a name: its dotted OID and its value, still encoded."""

    oid: str
    value: Element


def elements(data: bytes) -> Iterator[Element]:
    """The elements that follow one another in some content. Raises `Malformed`."""
    at = 0
    while at < len(data):
        tag, start, length = _head(data, at)
        if start + length > len(data):
            raise Malformed("an element is longer than what holds it")
        yield Element(tag, data[start : start + length], data[at : start + length])
        at = start + length


def attributes(name: bytes) -> tuple[tuple[Attribute, ...], ...]:
    """The attributes of a name in DER, by relative name, in the order of the encoding. Raises `Malformed`."""
    return tuple(
        tuple(_attribute(each) for each in elements(relative.content))
        for relative in elements(_within(name, SEQUENCE))
    )


def spelled(name: bytes) -> str:
    """A name in DER as libvirt compares it; bytes that are no UTF-8 survive as surrogates. Raises `Malformed` where
    GnuTLS gives no name either, but for an empty one: that is the empty text."""
    told = (b"+".join(map(_told, relative)) for relative in attributes(name))
    return b",".join(told).decode("utf-8", "surrogateescape")


def names_of(certificate: bytes) -> tuple[bytes, bytes]:
    """The subject and the issuer of a certificate in DER, as they are encoded. Raises `Malformed`."""
    signed = next(elements(_within(certificate, SEQUENCE)))
    fields = [each for each in elements(signed.content) if each.tag != 0xA0]  # the version may be left out
    if len(fields) < 5:
        raise Malformed("a certificate without a subject")
    return fields[4].whole, fields[2].whole


def issuer_of_list(signed: bytes) -> bytes:
    """The issuer in the signed part of a revocation list in DER, as it is encoded. Raises `Malformed`."""
    names = (each.whole for each in elements(_within(signed, SEQUENCE)) if each.tag == SEQUENCE)
    next(names, b"")  # the algorithm of the signature
    name = next(names, None)
    if name is None:
        raise Malformed("a revocation list without an issuer")
    return name


def _within(data: bytes, tag: int) -> bytes:
    element = next(elements(data), None)
    if element is None or element.tag != tag:
        raise Malformed("another kind of element than was expected")
    return element.content


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    if at + 2 > len(data):
        raise Malformed("an element is cut off")
    tag, first = data[at], data[at + 1]
    if first < 0x80:
        return tag, at + 2, first
    octets = first & 0x7F
    if not 0 < octets <= 4 or at + 2 + octets > len(data):
        raise Malformed("the length of an element cannot be read")
    return tag, at + 2 + octets, int.from_bytes(data[at + 2 : at + 2 + octets], "big")


def _attribute(element: Element) -> Attribute:
    parts = list(elements(element.content))
    if len(parts) != 2 or parts[0].tag != OBJECT:
        raise Malformed("an attribute of a name is not a pair of its kind and its value")
    return Attribute(_dotted(parts[0].content), parts[1])


def _dotted(content: bytes) -> str:
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if arc >= _LARGEST_ARC:
            raise Malformed("the kind of an attribute is numbered beyond reason")
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs or content[-1] & 0x80:
        raise Malformed("the kind of an attribute cannot be read")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _told(attribute: Attribute) -> bytes:
    known = _KNOWN.get(attribute.oid)
    value = attribute.value
    if known is not None and known.tags == _DIRECTORY and not value.content:
        raise Malformed("an attribute of a name is empty")
    text = _text(value) if known is not None and value.tag in known.tags else None
    if text is None:
        text = b"#" + value.whole.hex().encode()
    else:
        text = _SPECIAL.sub(lambda special: b"\\" + special.group(), text)
    named = attribute.oid if known is None or not known.name else known.name
    return named.encode() + b"=" + text


def _text(value: Element) -> bytes | None:
    """What the value says, None where GnuTLS does not take it for text."""
    if not value.content:
        return None
    text = value.content
    if value.tag == _BMP:
        text = _of_bmp(text)
    elif value.tag == _UNIVERSAL or (value.tag == _TELETEX and not all(0x20 <= byte < 0x7F for byte in text)):
        text = b"#" + text.hex().encode()
    return None if b"\0" in text else text


def _of_bmp(content: bytes) -> bytes:
    whole = content[: len(content) // 2 * 2]
    try:
        return whole.removesuffix(b"\0\0").decode("utf-16-be").encode()
    except UnicodeDecodeError:
        return b"#" + content.hex().encode()
