"""Name constraints of an authority: whether a certificate below it keeps to the names and addresses it may bear."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography import x509

from virtwarden.pki.verify.names import alternative_names, common_names

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate


def beyond(authority: Certificate, certificate: Certificate) -> Iterator[str]:
    """The names of the certificate that the authority may not give."""
    try:
        held = authority.parsed.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return
    names = list(alternative_names(certificate))
    if not any(isinstance(each, x509.DNSName) for each in names):
        names += [x509.DNSName(each) for each in common_names(certificate) if each.isascii()]
    for each in names:
        permitted = [one for one in held.permitted_subtrees or () if type(one) is type(each)]
        excluded = [one for one in held.excluded_subtrees or () if type(one) is type(each)]
        if (permitted and not any(_within(each, one) for one in permitted)) or any(
            _within(each, one) for one in excluded
        ):
            yield str(each.value)


def _within(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    if isinstance(name, x509.IPAddress) and isinstance(limit, x509.IPAddress):
        net = limit.value
        return isinstance(net, ipaddress.IPv4Network | ipaddress.IPv6Network) and name.value in net
    held, below = str(name.value).lower(), str(limit.value).lower()
    if isinstance(name, x509.DNSName):
        return not below or held == below or held.endswith("." + below.lstrip("."))
    if isinstance(name, x509.RFC822Name):
        return held == below or held.rpartition("@")[2] == below or held.endswith("." + below.lstrip("."))
    return held == below
