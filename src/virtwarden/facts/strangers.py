"""Addresses that stand for all that are in none of certain networks, as far as packet filters tell them apart.

Rules see an address only by the networks that they name. Cut at the ends of all of these, the addresses fall into
pieces whose members fare alike; one of each piece is enough to know how all fare.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

from virtwarden.formats.packetrules import address_span

_OFTEN_USED = {4: ("198.51.100.77", "203.0.113.77"), 6: ("2001:db8:ffff:ffff::77", "3fff:ffff::77")}
_NOBODYS = {
    4: ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"),
    6: ("::/127", "::ffff:0:0/96", "ff00::/8"),
}
_MOST = 256

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address, and the network that rules name of which it is; empty where it is any other."""

    address: str
    network: str = ""


class TooMany(Exception):
    """There are more pieces than can be looked at."""


def strangers(
    version: int, managing: Iterable[str], named: Collection[str] = (), only_dropped: Collection[str] = ()
) -> list[Stranger]:
    """One of each piece outside the networks that manage. What is in `only_dropped` alone fares no better than any
    other address, and is left out. Raises `TooMany`."""
    ours = _spans(version, (*managing, *_NOBODYS[version]))
    told = {text: span for text in named for span in _spans(version, (text,)) if not _is_all(span, version)}
    dropped = _spans(version, only_dropped)
    found: dict[int, Stranger] = {}
    others: list[_Span] = []
    for first, last, (is_ours, names, is_dropped) in _pieces(version, ours, list(told.values()), dropped):
        if is_ours:
            continue
        if names:
            found[first] = Stranger(_text(first, version), _smallest(first, told))
        elif not is_dropped:
            others.append((first, last))
        if len(found) > _MOST:
            raise TooMany
    return [*_other(version, others), *found.values()]


def _other(version: int, pieces: list[_Span]) -> Iterator[Stranger]:
    """One address of which no rule speaks: of a network for documentation where that can be."""
    for text in _OFTEN_USED[version]:
        span = address_span(text)
        if span is not None and any(first <= span[1] <= last for first, last in pieces):
            yield Stranger(text)
            return
    for first, _ in pieces[:1]:
        yield Stranger(_text(first, version))


def _pieces(version: int, *kinds: list[_Span]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """The pieces in order: first and last address, and how many spans of each kind hold them."""
    end = 1 << (32 if version == 4 else 128)
    steps: dict[int, list[int]] = {0: [0] * len(kinds), end: [0] * len(kinds)}
    for kind, spans in enumerate(kinds):
        for first, last in spans:
            steps.setdefault(first, [0] * len(kinds))[kind] += 1
            steps.setdefault(last + 1, [0] * len(kinds))[kind] -= 1
    counts = [0] * len(kinds)
    cuts = sorted(steps)
    for at, following in pairwise(cuts):
        counts = [count + step for count, step in zip(counts, steps[at], strict=True)]
        yield at, following - 1, tuple(counts)


def _spans(version: int, texts: Iterable[str]) -> list[_Span]:
    found = (address_span(text) for text in texts)
    return [(each[1], each[2]) for each in found if each is not None and each[0] == version]


def _is_all(span: _Span, version: int) -> bool:
    return span[1] - span[0] + 1 == 1 << (32 if version == 4 else 128)


def _smallest(address: int, told: dict[str, _Span]) -> str:
    holding = [(last - first, text) for text, (first, last) in told.items() if first <= address <= last]
    return min(holding)[1]


def _text(address: int, version: int) -> str:
    return str(IPv4Address(address) if version == 4 else IPv6Address(address))
