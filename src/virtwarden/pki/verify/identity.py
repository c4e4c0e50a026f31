"""One side's files judged together: a certificate with its chain, key, trusted authorities and revocation lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from virtwarden.pki.verify import chain, names, revocation, single
from virtwarden.pki.verify.faults import Fault, Limits, Weight, at, refused
from virtwarden.pki.verify.single import End, Roles

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate, RevocationList


@dataclass(frozen=True, slots=True)
class Placed:
    """A certificate and where it stands."""

    file: str
    line: int
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class PlacedList:
    """A revocation list and the file that holds it."""

    file: str
    held: RevocationList


@dataclass(frozen=True, slots=True)
class PlacedKey:
    """A private key's file and the fingerprints of the keys in it; none where they could not be opened."""

    file: str
    key_ids: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What one end shows and trusts. `chain` begins with its own certificate; `trusts_known` is False where some of
    what it trusts could not be read."""

    end: End
    chain: tuple[Placed, ...]
    trusted: tuple[Placed, ...] = ()
    lists: tuple[PlacedList, ...] = ()
    key: PlacedKey | None = None
    roles: Roles = Roles.ONE
    trusts_known: bool = True
    dialled: tuple[str, ...] = field(default=())


def judge(identity: Identity, now: datetime, limits: Limits) -> Iterator[Fault]:
    """All that is wrong with one end's certificate, the worst reasons and the small ones."""
    own = identity.chain[0]
    certificate = own.certificate
    yield from at(own.file, own.line, _own(identity, certificate, now, limits))
    yield from at(own.file, own.line, _trust(identity, now))
    yield from at(own.file, own.line, _key(certificate, identity.key))


def judge_authorities(trusted: Sequence[Placed], now: datetime, limits: Limits) -> Iterator[Fault]:
    """What is wrong with the authorities of one file: libvirt refuses all for the sake of one."""
    for each in trusted:
        found = (*single.common(each.certificate, now, limits), *single.authority(each.certificate, limits))
        yield from at(each.file, each.line, found)


def judge_lists(lists: Sequence[PlacedList], trusted: Sequence[Placed], now: datetime) -> Iterator[Fault]:
    """What is wrong with the revocation lists."""
    authorities = [each.certificate for each in trusted]
    for each in lists:
        yield from at(each.file, 1, revocation.of_list(each.held, authorities, now))


def _own(identity: Identity, certificate: Certificate, now: datetime, limits: Limits) -> Iterator[Fault]:
    yield from single.common(certificate, now, limits)
    yield from single.leaf(certificate, identity.end, identity.roles, limits)
    yield from single.encipherment(certificate, limits)
    yield from single.subject(certificate)
    yield from revocation.revoked(certificate, [each.held for each in identity.lists])
    if identity.end == "server":
        for name in identity.dialled:
            if not names.covers(certificate, name):
                yield refused("wrong-name", f"does not cover {name}, by which clients dial it")


def _trust(identity: Identity, now: datetime) -> Iterator[Fault]:
    """Whether it leads to what is trusted: by itself, as libvirt checks at start, and with the rest of its file."""
    trusted = [each.certificate for each in identity.trusted]
    if not trusted:
        if identity.trusts_known:
            yield Fault("no-authority", "there is no certificate of an authority beside it", Weight.REFUSED)
        return
    sent = [each.certificate for each in identity.chain]
    said = {fault.code for fault in single.common(sent[0], now, Limits())}
    alone = [fault for fault in chain.faults(sent[:1], trusted, now) if fault.code not in said]
    whole = (
        alone if len(sent) == 1 else [each for each in chain.faults(sent, trusted, now) if each.code not in said]
    )
    if alone and not whole:
        message = "its authority stands in its own file; libvirt looks for it among the trusted ones alone"
        yield refused("in-its-own-file", message)
    weight = Weight.REFUSED if identity.trusts_known else Weight.UNKNOWN
    yield from (replace(each, weight=weight) for each in whole)


def _key(certificate: Certificate, key: PlacedKey | None) -> Iterator[Fault]:
    if key is None:
        return
    if certificate.key_id in key.key_ids:
        return
    if key.key_ids:
        yield refused("other-key", f"{key.file} is not its key")
    else:
        problem = key.problem or "it cannot be opened"
        yield Fault("unknown-key", f"whether {key.file} is its key: {problem}", Weight.UNKNOWN)
