"""Whether a server's certificate covers the name that a client dials, as `gnutls_x509_crt_check_hostname` decides.

Alternative names decide where there are any. A wildcard stands at the very beginning, for a part of one label, in a
domain of two labels at least. An address is looked for among the addresses, then among the names. The common name
counts only where no name and no address is given, for a server's certificate with one common name, and for no address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography import x509

from virtwarden.formats.dername import attributes, names_of

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

_LONGEST = 255
_COMMON_NAME = "2.5.4.3"


def covers(certificate: Certificate, dialled: str) -> bool:
    """Whether a client that dials this name or address takes the certificate for its server's."""
    names = list(alternative_names(certificate))
    address = _address(dialled)
    if address is not None and address in [each.value for each in names if isinstance(each, x509.IPAddress)]:
        return True
    wanted = _ascii(dialled)
    for each in names:
        if isinstance(each, x509.DNSName):
            if len(each.value) > _LONGEST:
                break
            if _same(each.value, wanted):
                return True
    if any(isinstance(each, x509.DNSName | x509.IPAddress) for each in names) or address is not None:
        return False
    common = list(common_names(certificate))
    purposes = certificate.purposes
    return (
        len(common) == 1 and (purposes is None or bool(purposes & {"server", "any"})) and _same(common[0], wanted)
    )


def alternative_names(certificate: Certificate) -> Iterator[x509.GeneralName]:
    """The alternative names, in order."""
    try:
        found = certificate.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return
    yield from found.value


def common_names(certificate: Certificate) -> Iterator[str]:
    """The common names in the subject."""
    subject, _ = names_of(certificate.der)
    for relative in attributes(subject):
        for each in relative:
            if each.oid == _COMMON_NAME:
                yield each.value.content.decode("latin-1")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _same(held: str, wanted: str) -> bool:
    if not held.isascii() or not all(" " <= char <= "~" for char in held):
        return False
    if not held.startswith("*"):
        return held.lower() == wanted.lower()
    if held.count(".") < 2 or held.endswith("."):
        return False
    rest, wanted = held[1:].lower(), wanted.lower()
    label = wanted.partition(".")[0]
    return wanted.endswith(rest) and len(wanted) - len(rest) <= len(label)
