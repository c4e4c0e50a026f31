"""What a firewall's settings let in, and from where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from virtwarden.formats.digits import whole
from virtwarden.model import Evidence

Span = tuple[int, int]

ALL_PORTS: tuple[Span, ...] = ((1, 65535),)


@dataclass(frozen=True, slots=True)
class Opening:
    """TCP ports that are let in. `words` name it; `sources` are the networks from which one may come, none where
    everybody may. `element` is where it stands in a zone, empty for what no edit takes out; `inner` what a rule that
    lets in the same holds, and `family` the one that it is for, where it is for one alone. `doubt` says what of it is
    not understood."""

    words: str
    ports: tuple[Span, ...]
    evidence: Evidence
    sources: tuple[str, ...] = ()
    element: str = ""
    inner: str = ""
    family: str = ""
    doubt: str = ""

    @property
    def everybody(self) -> bool:
        """Whether everybody may come."""
        return not self.sources

    def meets(self, spans: Iterable[Span]) -> bool:
        """Whether it opens one of these ports."""
        return any(first <= end and last >= begin for first, last in self.ports for begin, end in spans)

    def stays_within(self, spans: Sequence[Span]) -> bool:
        """Whether it opens none but these ports."""
        return all(any(begin <= first and last <= end for begin, end in spans) for first, last in self.ports)

    def beyond(self, networks: Iterable[str]) -> tuple[str, ...]:
        """The networks that it lets in besides these; all that it names where these are none."""
        return tuple(source for source in self.sources if not _within(source, networks))


def _within(source: str, networks: Iterable[str]) -> bool:
    own = ip_network(source, strict=False)
    same = (network for network in map(ip_network, networks) if network.version == own.version)
    return any(own.subnet_of(network) for network in same)  # type: ignore[arg-type]  # all of one version


def networks(text: str) -> tuple[str, ...] | None:
    """The network that a rule names, none for everybody's; None where it is not understood."""
    if text in ("any", "0/0"):
        return ()
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return None
    return (str(found),) if found.prefixlen else ()


def spans(text: str, dash: str) -> tuple[Span, ...]:
    """Ports and ranges of them between commas; what is no number is left out."""
    found: list[Span] = []
    for part in text.split(","):
        first, _, last = part.strip().partition(dash)
        least, most = whole(first), whole(last or first)
        if least is not None and most is not None:
            found.append((least, most))
    return tuple(found)
