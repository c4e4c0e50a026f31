"""Revocation lists: whom they take back, and whether they may be believed.

libvirt has GnuTLS load a list without a look at its signature or its dates: a list in the authority's name takes back
what it names, however old it is and whoever signed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from virtwarden.pki.verify.faults import Fault, refused

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate, RevocationList


def revoked(certificate: Certificate, lists: Sequence[RevocationList]) -> Iterator[Fault]:
    """Whether a list takes the certificate back."""
    for each in lists:
        if each.raw_issuer == certificate.raw_issuer and each.takes_back(certificate.serial):
            yield refused("revoked", f"was taken back by the list of {each.issuer}")
            return


def of_list(held: RevocationList, authorities: Sequence[Certificate], now: datetime) -> Iterator[Fault]:
    """What is wrong with a list."""
    if held.next_update is not None and held.next_update < now:
        yield Fault("stale-list", f"the list's time was up on {held.next_update:%Y-%m-%d}")
    elif not any(held.issued_by(each) for each in authorities):
        yield Fault("foreign-list", "no authority that the host trusts has signed the list")
    elif held.last_update > now:
        yield Fault("early-list", f"the list is not valid before {held.last_update:%Y-%m-%d}")
