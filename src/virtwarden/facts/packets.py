"""The packet filter in force: what becomes of a frame from a guest, and of a packet to the host or through it.

ebtables and iptables are asked besides nft, because nft does not see the rules of their older kind at all, and
only half of what the newer ebtables writes. Hosts of 2012 have no nft.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from virtwarden.formats import Malformed, ebtables, iptables, nftables
from virtwarden.formats.packetrules import Chain, Packet, Ruleset
from virtwarden.host import Absent, Host, Output, Source, Unknown, Want, running
from virtwarden.model import Evidence

_NFT = ("nft", "-j", "list", "ruleset")
_EBTABLES = ("ebtables-save",)
_IPTABLES: tuple[tuple[str, Literal["ip", "ip6"]], ...] = (("iptables-save", "ip"), ("ip6tables-save", "ip6"))
_ON_NFTABLES = "(nf_tables)"
_NO_TABLES = "kernel doesn't support"
_BRIDGE = ("bridge", "netdev")


@dataclass(frozen=True)
class PacketFilter:
    """The rules of each tool; None where it has none. What ebtables and iptables keep in nft is told by them, whose
    matches nft cannot spell. `refusal` says what could not be read."""

    nft: Ruleset | None = None
    ebtables: Ruleset | None = None
    iptables: Ruleset | None = None
    evidence: tuple[Evidence, ...] = ()
    refusal: str = ""

    wants: ClassVar[tuple[Want, ...]] = (
        running(*_NFT),
        running(*_EBTABLES),
        *(running(program) for program, _ in _IPTABLES),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask them all. Raises `Unknown` where none answers."""
        answers: list[Output] = []
        refusals: list[str] = []
        bridge = _ebtables(host.source, answers, refusals)
        asked: list[str] = []
        twice = _twice(answers, bridge)
        packets = _iptables(host.source, answers, asked, twice)
        nft = _nft(host.source, answers, refusals, twice)
        refusals.extend(asked if nft is None else [])
        if nft is None and bridge is None and packets is None and refusals:
            raise Unknown(f"the packet filter: {refusals[0]}")
        return cls(nft, bridge, packets, tuple(answer.cite() for answer in answers), "; ".join(refusals))

    def drops_frame(self, packet: Packet) -> bool | None:
        """Whether a frame is dropped as it comes in, before its bridge learns from it; None: cannot be told."""
        return self._drops(
            [(families, hook) for families, hook in ((_BRIDGE, "ingress"), (_BRIDGE, "prerouting"))], packet
        )

    def drops_later(self, packet: Packet) -> bool | None:
        """Whether a frame is dropped on its way through the bridge, after the bridge has learned from it."""
        return self._drops([(_BRIDGE, "forward")], packet)

    def drops_packet(self, family: str, hook: str, packet: Packet) -> bool | None:
        """Whether a packet of family ip or ip6 is dropped at a hook; None where that cannot be told."""
        return self._drops([((family, "inet"), hook)], packet)

    @property
    def redirects(self) -> bool:
        """Whether a packet may come to another port than the one that it was sent to."""
        return any(rules is not None and rules.redirects for rules in (self.nft, self.iptables))

    def sources_named(self, field: str) -> tuple[frozenset[str], frozenset[str]]:
        """The networks that rules name as where packets come from (`Ruleset.sources_named`)."""
        told = [rules.sources_named(field) for rules in (self.nft, self.iptables) if rules is not None]
        return frozenset().union(*(each for each, _ in told)), frozenset().union(*(each for _, each in told))

    def _drops(self, places: list[tuple[tuple[str, ...], str]], packet: Packet) -> bool | None:
        sure: bool | None = None if self.refusal else False
        for rules in (self.nft, self.ebtables, self.iptables):
            for families, hook in places if rules is not None else ():
                drops = rules.drops(families, hook, packet) if rules is not None else False
                if drops:
                    return True
                sure = None if drops is None else sure
        return sure


def _ebtables(source: Source, answers: list[Output], refusals: list[str]) -> Ruleset | None:
    try:
        output = source.run(*_EBTABLES)
    except Absent:
        return None
    except Unknown as refused:
        refusals.append(str(refused))
        return None
    said = output.stderr or output.stdout
    if output.code != 0 and _NO_TABLES not in said:
        refusals.append(f"ebtables-save says: {output.cite().text}")
        return None
    answers.append(output)
    return ebtables.parse(output.stdout if output.code == 0 else "")


def _iptables(
    source: Source, answers: list[Output], refusals: list[str], twice: set[tuple[str, str]]
) -> Ruleset | None:
    """The tables of iptables, those also that it keeps in nft, which are `twice` then; None where there is none."""
    chains: list[Chain] = []
    for program, family in _IPTABLES:
        try:
            output = source.run(program)
        except Absent:
            continue
        except Unknown as refused:
            refusals.append(str(refused))
            continue
        if output.code != 0:
            refusals.append(f"{program} says: {output.cite().text}")
            continue
        answers.append(output)
        found = iptables.parse(output.stdout, family).chains
        chains.extend(found)
        if _ON_NFTABLES in output.stdout.partition("*")[0]:
            twice |= {(family, chain.table) for chain in found}
    return Ruleset(tuple(chains)) if chains else None


def _twice(answers: list[Output], bridge: Ruleset | None) -> set[tuple[str, str]]:
    """The bridge tables that nft prints as well, less well than ebtables-save."""
    if bridge is None or _ON_NFTABLES not in answers[0].stdout.partition("*")[0]:
        return set()
    return {("bridge", chain.table) for chain in bridge.chains}


def _nft(
    source: Source, answers: list[Output], refusals: list[str], twice: set[tuple[str, str]]
) -> Ruleset | None:
    try:
        output = source.run(*_NFT)
    except Absent:
        return None
    except Unknown as refused:
        refusals.append(str(refused))
        return None
    try:
        if output.code != 0:
            raise Malformed(output.cite().text)
        found = nftables.parse(output.stdout)
    except Malformed as wrong:
        refusals.append(f"nft says: {wrong}")
        return None
    answers.append(output)
    return Ruleset(tuple(c for c in found.chains if (c.family, c.table) not in twice))
