"""Certificates issued anew before they end: same subject, names and role, and a new key unless the old one is to stay.

The old certificate stays valid, so that both can be in use while hosts and clients change over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from cryptography import x509

from virtwarden.complaint import Complaint
from virtwarden.pki import certifying, keys
from virtwarden.pki.authority import Authority
from virtwarden.pki.certifying import Wish
from virtwarden.pki.keys import Kind, PrivateKey
from virtwarden.pki.orders import Order
from virtwarden.pki.register import Entry, Register

Keep = Literal["new", "same"]
"""Whether a renewed certificate gets a new key."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """An order that follows an entry, and the new key if there is one."""

    order: Order
    key: PrivateKey | None = field(default=None, repr=False)


def chosen(known: Register, named: Iterable[str], before: timedelta) -> tuple[Entry, ...]:
    """The entries of these serials and names, or what ends soon where none is named. Raises `Complaint`."""
    named = tuple(named)
    if not named:
        return known.due(before, certifying.now())
    found: dict[str, Entry] = {}
    for each in named:
        matching = find(known, each) or known.latest(each)
        if not matching:
            raise Complaint(f"no certificate of {each!r} is in use; virt-warden pki list shows all")
        found |= {entry.serial: entry for entry in matching}
    return tuple(found.values())


def find(known: Register, serial: str) -> tuple[Entry, ...]:
    """The entry of a serial, as it is printed or shortened to at least eight digits. Raises `Complaint` where that
    could be more than one."""
    bare = serial.lower().replace(":", "").removeprefix("0x").lstrip("0")
    exact = known.found(bare)
    if exact is not None:
        return (exact,)
    if len(bare) < 8:
        return ()
    found = tuple(entry for entry in known.entries if entry.serial.startswith(bare))
    if len(found) > 1:
        raise Complaint(f"{len(found)} certificates begin with the serial {serial}; give more of it")
    return found


def require_renewable(entries: Iterable[Entry], keep: Keep) -> None:
    """Raises `Complaint` where one was taken back, or has its key elsewhere and is to have a new one."""
    for entry in entries:
        if entry.revoked is not None:
            raise Complaint(f"the certificate {entry.serial} of {entry.name} was taken back; issue a new one")
        if keep == "new" and entry.key_made == "request":
            raise Complaint(
                f"the key of {entry.name} ({entry.purpose.mark}) was made on its host: sign a new request, or give "
                "--same-key"
            )


def renewal(authority: Authority, entry: Entry, days: int, keep: Keep, kind: Kind | None) -> Renewal:
    """What is to be issued in place of this. Raises `Complaint`."""
    old = authority.issued(entry)
    key = keys.new_key(kind or _kind(entry)) if keep == "new" else None
    try:
        names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    public = old.public_key() if key is None else key.public_key()
    wish = Wish(old.subject, entry.role, public, names, days)
    return Renewal(Order(wish, entry.purpose, entry.key_made, entry.serial), key)


def _kind(entry: Entry) -> Kind:
    return next((kind for kind in keys.KINDS if kind == entry.key), "rsa3072")
