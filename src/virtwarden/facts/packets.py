"""The packet filter in force: what becomes of a frame from a guest, and of a packet to the host or through it.

ebtables is asked besides nft, because nft does not see the rules of the older ebtables at all, and sees only
half of what the newer one writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.formats import Malformed, ebtables, nftables
from virtwarden.formats.packetrules import Packet, Ruleset
from virtwarden.host import Absent, Host, Output, Source, Unknown, Want, running
from virtwarden.model import Evidence

_NFT = ("nft", "-j", "list", "ruleset")
_EBTABLES = ("ebtables-save",)
_NO_TABLES = "kernel doesn't support"
_BRIDGE = ("bridge", "netdev")


@dataclass(frozen=True)
class PacketFilter:
    """The rules of both tools; None where one is not installed. `refusal` says what could not be read."""

    nft: Ruleset | None = None
    ebtables: Ruleset | None = None
    evidence: tuple[Evidence, ...] = ()
    refusal: str = ""

    wants: ClassVar[tuple[Want, ...]] = (running(*_NFT), running(*_EBTABLES))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask both. Raises `Unknown` where neither answers."""
        answers: list[Output] = []
        refusals: list[str] = []
        bridge = _ebtables(host.source, answers, refusals)
        nft = _nft(host.source, answers, refusals, _twice(answers, bridge))
        if nft is None and bridge is None and refusals:
            raise Unknown(f"the packet filter: {refusals[0]}")
        return cls(nft, bridge, tuple(answer.cite() for answer in answers), "; ".join(refusals))

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

    def _drops(self, places: list[tuple[tuple[str, ...], str]], packet: Packet) -> bool | None:
        sure: bool | None = None if self.refusal else False
        for rules in (self.nft, self.ebtables):
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


def _twice(answers: list[Output], bridge: Ruleset | None) -> frozenset[str]:
    """The bridge tables that nft prints as well, less well than ebtables-save."""
    if bridge is None or "(nf_tables)" not in answers[0].stdout.partition("*")[0]:
        return frozenset()
    return frozenset(chain.table for chain in bridge.chains)


def _nft(source: Source, answers: list[Output], refusals: list[str], twice: frozenset[str]) -> Ruleset | None:
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
    return Ruleset(tuple(c for c in found.chains if c.family != "bridge" or c.table not in twice))
