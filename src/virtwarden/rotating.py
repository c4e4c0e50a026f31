"""New certificates in place of those that are in use, so that at no moment one side refuses the other.

Where the authority stays, new leaves are placed at once. Where it changes, there are three steps, each to be done on
all hosts and clients before the next: trust the new authority as well, place what it issued, trust the old one no
more. Revocation lists go along with their authorities, or what was revoked would be let in meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import partial

from virtwarden.edits import Replace
from virtwarden.formats import Malformed, pem
from virtwarden.host import Absent, Host
from virtwarden.model import Change, Document
from virtwarden.placing import Placement, changes, is_placed

_OF_AUTHORITIES = ("cacert", "cacrl")


class Step(StrEnum):
    """What is to be done next."""

    TRUST = "trust"
    LEAVES = "leaves"
    FINISH = "finish"
    NOTHING = "nothing"


def next_step(host: Host, placed: Iterable[Placement]) -> Step:
    """The first step that is not done yet. Raises `Unknown`."""
    every = tuple(placed)
    if any(_added(host, each) for each in every if each.place.part == "cacert"):
        return Step.TRUST
    leaves = (each for each in every if each.place.part not in _OF_AUTHORITIES)
    if any(not is_placed(host, each) for each in leaves) or any(map(partial(_added, host), every)):
        return Step.LEAVES
    return Step.FINISH if any(not is_placed(host, each) for each in every) else Step.NOTHING


def changes_of(
    host: Host, step: Step, placed: Iterable[Placement], label: str | None = None
) -> tuple[Change, ...]:
    """What a step changes: authorities and their lists stand beside those in place until the last one. Raises
    `Unknown`."""
    every = tuple(placed)
    if step is Step.FINISH:
        return changes(host, [each for each in every if each.place.part in _OF_AUTHORITIES], label)
    whole = [each for each in every if _wants_copy(host, step, each)]
    added = ((each.place.path, _added(host, each)) for each in every if each not in whole)
    texts = tuple(Change(Document("file", path), Replace(text)) for path, text in added if text)
    return (*changes(host, whole, label), *texts)


def _wants_copy(host: Host, step: Step, placement: Placement) -> bool:
    """Whether a step places the very file of the folder."""
    if placement.place.part in _OF_AUTHORITIES:
        return _text(host, placement.place.path) is None
    return step is Step.LEAVES


def _added(host: Host, placement: Placement) -> str:
    """What a file of authorities or lists is with the new ones in it; empty where it has them, and of other files. A
    newer list of the same authority takes the place of the older."""
    if placement.place.part not in _OF_AUTHORITIES or placement.offered.text is None:
        return ""
    now, new = _text(host, placement.place.path) or "", placement.offered.text.text
    held, wanted = _blocks(now), _blocks(new)
    if placement.place.part == "cacrl":
        issuers = {each.issuer for each in placement.offered.revocations}
        kept = [block for block in held if _issuer(block) not in issuers]
    else:
        kept = held
    made = list(dict.fromkeys((*kept, *wanted)))
    return "" if made == held else "".join(made)


def _issuer(block: str) -> str:
    from virtwarden.formats.certificate import revocation_list  # noqa: PLC0415  # it takes long to load

    try:
        return revocation_list(block).issuer
    except Malformed:
        return ""


def _blocks(text: str) -> list[str]:
    try:
        return [block.text.replace("\r", "") for block in pem.parse(text) if not block.is_private_key]
    except Malformed:
        return []


def _text(host: Host, path: str) -> str | None:
    try:
        return host.source.read(path).text
    except Absent:
        return None
