"""What libvirt or GnuTLS would refuse of the certificates that are to be placed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from virtwarden.facts.certificates import Certificates, Offered
from virtwarden.pki.places import Part, Use
from virtwarden.pki.verify.faults import Fault, Limits, Weight
from virtwarden.pki.verify.identity import (
    Identity,
    Placed,
    PlacedKey,
    PlacedList,
    judge,
    judge_authorities,
    judge_lists,
)
from virtwarden.pki.verify.single import End, Roles


def refused(offered: Certificates, use: Use, now: datetime) -> Iterator[Fault]:
    """What libvirt or GnuTLS would refuse of one use's files."""
    trusted = _certificates(offered, use, "cacert")
    lists = tuple(PlacedList(each.path, held) for each in _of(offered, use, "cacrl") for held in each.revocations)
    found = [*judge_authorities(trusted, now, Limits()), *judge_lists(lists, trusted, now)]
    if not trusted:
        found.append(Fault("no-authority", f"there is no {use} cacert.pem", Weight.REFUSED, offered.folder))
    for end, certificate, key in _ENDS:
        chain, keys = _certificates(offered, use, certificate), _of(offered, use, key)
        held = next((PlacedKey(each.path, _fingerprints(each)) for each in keys), None)
        if chain:
            roles = Roles.BOTH if use in ("migrate", "chardev", "qemu") else Roles.ONE
            found += judge(Identity(end, chain, trusted, lists, held, roles), now, Limits())
        elif held is not None:
            found.append(Fault("other-key", f"there is no {certificate}.pem beside it", Weight.REFUSED, held.file))
        if chain and held is None:
            found.append(Fault("no-key", f"there is no {key}.pem beside it", Weight.REFUSED, chain[0].file))
    yield from (each for each in dict.fromkeys(found) if each.weight is Weight.REFUSED)


_ENDS: tuple[tuple[End, Part, Part], ...] = (
    ("server", "servercert", "serverkey"),
    ("client", "clientcert", "clientkey"),
)


def _of(offered: Certificates, use: Use, part: Part) -> tuple[Offered, ...]:
    found = offered.files.get((use, part))
    return () if found is None else (found,)


def _certificates(offered: Certificates, use: Use, part: Part) -> tuple[Placed, ...]:
    return tuple(Placed(each.path, 0, held) for each in _of(offered, use, part) for held in each.certificates)


def _fingerprints(offered: Offered) -> tuple[str, ...]:
    return tuple(each.spki_sha256 for each in offered.keys if each.spki_sha256 is not None)
