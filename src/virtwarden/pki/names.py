"""The names in certificates: what clients dial, and the subject that libvirt's list of clients is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID

from virtwarden.complaint import Complaint
from virtwarden.pki.roles import Purpose, is_mark

LONGEST = 64
"""Characters in a field of a subject; X.520's bound."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z", re.IGNORECASE)
_FIELDS = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
}
_PIECE = re.compile(r"(?:[^\\,]|\\.)+")


@dataclass(frozen=True, slots=True)
class Names:
    """The names and addresses under which a host is dialled, the first one leading."""

    written: tuple[str, ...]

    @property
    def general(self) -> x509.SubjectAlternativeName:
        """As a certificate has them."""
        return x509.SubjectAlternativeName([_general(name) for name in self.written])

    @property
    def common(self) -> str:
        """The first name, as far as it fits into a subject."""
        first = self.written[0]
        return first if len(first) <= LONGEST else first.partition(".")[0]


def names(given: Iterable[str]) -> Names:
    """Host names and addresses, each once. Raises `Complaint` for what is neither."""
    checked = tuple(dict.fromkeys(_written(name) for name in given))
    if not checked:
        raise Complaint("a server's certificate needs at least one name or address")
    return Names(checked)


def names_in(extension: x509.SubjectAlternativeName) -> tuple[str, ...]:
    """The host names and addresses among the names of a certificate or request."""
    found: list[str] = []
    for name in extension:
        if isinstance(name, x509.DNSName):
            found.append(name.value)
        elif isinstance(name, x509.IPAddress) and isinstance(name.value, IPv4Address | IPv6Address):
            found.append(str(name.value))
    return tuple(found)


def person(given: str) -> str:
    """A client's name, as it may stand in a subject. Raises `Complaint`."""
    return _field("the name", given)


def pieces(text: str | None) -> tuple[tuple[str, str], ...]:
    """`C=DE,O=Example` as pairs; a backslash before a comma keeps it. Raises `Complaint`."""
    found: list[tuple[str, str]] = []
    for piece in _PIECE.findall(text or ""):
        key, equals, value = re.sub(r"\\(.)", r"\1", piece).strip().partition("=")
        key = key.strip().upper()
        if not equals or key not in _FIELDS:
            raise Complaint(
                f"the subject's piece {piece!r} is none of {', '.join(f'{each}=' for each in _FIELDS)}"
            )
        if key == "OU" and is_mark(value):
            raise Complaint(f"OU={value.strip()} is what the authority itself says of a certificate; leave it out")
        if key != "OU" and any(key == other for other, _ in found):
            raise Complaint(f"the subject names {key}= twice")
        found.append((key, _country(value) if key == "C" else _field(f"{key}=", value)))
    return tuple(found)


def subject(common: str, purpose: Purpose, given: Iterable[tuple[str, str]], organisation: str) -> x509.Name:
    """The subject of a certificate: C, ST, L, O, then what it is for, then other units and the name itself. Patterns
    of libvirt's list of clients rest on that order."""
    given = tuple(given)
    fields = dict(piece for piece in given if piece[0] != "OU")
    fields.setdefault("O", organisation)
    ordered = [(key, fields[key]) for key in _FIELDS if key in fields]
    ordered += [("OU", purpose.mark), *(piece for piece in given if piece[0] == "OU")]
    attributes = [x509.NameAttribute(_FIELDS[key], value) for key, value in ordered]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, _field("the name", common))])


def bare_subject(common: str) -> x509.Name:
    """The subject of a request: the authority says all the rest. Raises `Complaint`."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _field("the name", common))])


def common_name(name: x509.Name) -> str:
    """The last CN of a name, empty where there is none."""
    return _last(name, NameOID.COMMON_NAME)


def organisation(name: x509.Name) -> str:
    """The last O of a name, empty where there is none."""
    return _last(name, NameOID.ORGANIZATION_NAME)


def authority_name(text: str) -> x509.Name:
    """`ORGANISATION/NAME` as an authority's subject. Raises `Complaint`."""
    left, slash, right = text.partition("/")
    if not slash:
        raise Complaint(f"the authority's name {text!r} is to be ORGANISATION/NAME")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _field("the organisation", left)),
            x509.NameAttribute(NameOID.COMMON_NAME, _field("the authority's name", right)),
        ]
    )


def _last(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = [str(each.value) for each in name.get_attributes_for_oid(oid)]
    return found[-1] if found else ""


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _written(name: str) -> str:
    bare = name.strip().removesuffix(".")
    if "%" not in bare:  # the scope of an address means nothing to others
        with suppress(ValueError):
            return str(ip_address(bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare))
    labels = bare.split(".")
    if len(bare) > 253 or not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise Complaint(f"{_shown(name)} is neither a host name in ASCII nor an address")
    return bare.lower()


def _country(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", value.strip()):
        raise Complaint(f"the country {_shown(value)} is not two letters")
    return value.strip().upper()


def _field(what: str, value: str) -> str:
    bare = value.strip()
    try:
        length = len(bare.encode())
    except UnicodeEncodeError:
        raise Complaint(f"{what} {_shown(value)} is not UTF-8") from None
    if not 0 < length <= LONGEST or not bare.isprintable():
        raise Complaint(f"{what} {_shown(value)} is not printable text of 1 to {LONGEST} bytes")
    return bare


def _shown(value: str) -> str:
    return ascii(value if len(value) <= 80 else value[:80] + "…")
