"""What a plan is wished to mend: failing findings with changes that can be made, and why others are for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from virtwarden.edits import (
    CopyOf,
    Do,
    Edit,
    RemoveLine,
    Replace,
    SetAttribute,
    SetConf,
    SetLine,
    SetState,
    describe,
)
from virtwarden.host import Absent, Source, Unknown
from virtwarden.model import Change, Document, Finding, Report, Result, Safety, State, Unfixed
from virtwarden.places import UNIT_PLACES, spread

BY_HAND = "this takes a person"
_ALIVE_KINDS = ("boolean", "sysctl", "fcontext")
STATE_KINDS = ("unit", *_ALIVE_KINDS)
_KINDS = ("file", "directory", "boot", "domain", "nwfilter", *STATE_KINDS)


@dataclass(frozen=True, slots=True)
class Wish:
    """A failing finding, the documents that its fix changes, and the changes."""

    control: str
    finding: Finding
    changes: tuple[Change, ...]


@dataclass(slots=True)
class Draft:
    """A plan on its way: what is still wished for, and what cannot be had."""

    source: Source
    wishes: list[Wish] = field(default_factory=list)
    unfixed: list[Unfixed] = field(default_factory=list)

    def refuse(self, wish: Wish, why: str) -> None:
        """Leave a wish to a person, for this reason."""
        steps = tuple(_step(change) for change in wish.finding.fix)
        self.unfixed.append(Unfixed(wish.control, wish.finding.subject, why, steps, wish.finding.state))


def wished(source: Source, report: Report, safest: Safety, *, runs: bool) -> Draft:
    """What a plan can take on of a report. `runs` says that the host is a running one."""
    draft = Draft(source)
    for outcome in report.outcomes:
        for finding in outcome.findings:
            if finding.result is Result.FAIL and not report.excused(outcome.control, finding):
                _admit(draft, Wish(outcome.control, finding, ()), safest, runs=runs)
    _without_contradictions(draft)
    return draft


def _admit(draft: Draft, wish: Wish, safest: Safety, *, runs: bool) -> None:
    """Take a wish in, or say why it is for a person."""
    fix = wish.finding.fix
    if not runs and (wish.finding.state is State.IN_FORCE or any(c.document.kind in _ALIVE_KINDS for c in fix)):
        draft.refuse(wish, "this is changed on the host while it runs")
    elif not fix:
        draft.refuse(wish, "no change of a document mends this")
    elif any(change.safety is Safety.MANUAL or isinstance(change.edit, Do) for change in fix):
        draft.refuse(wish, BY_HAND)
    elif safest is Safety.SAFE and any(change.safety is Safety.DISRUPTIVE for change in fix):
        draft.refuse(wish, "this disturbs somebody, and only safe changes were asked for")
    elif why := _why_no_unit(draft.source, fix, runs=runs):
        draft.refuse(wish, why)
    elif any(change.document.kind not in _KINDS for change in fix):
        draft.refuse(wish, BY_HAND)
    else:
        try:
            changes = tuple(
                chain.from_iterable(_spread(draft.source, change) for change in _of_disk(wish.finding))
            )
        except Unknown as refused:
            draft.refuse(wish, str(refused))
            return
        if changes or wish.finding.state is State.IN_FORCE:
            draft.wishes.append(replace(wish, changes=changes))
        else:
            draft.refuse(wish, "the document that it takes was not found")


def _why_no_unit(source: Source, fix: Iterable[Change], *, runs: bool) -> str:
    """Why units of this fix cannot be changed here; empty where they can, or none is asked for."""
    units = [change for change in fix if change.document.kind == "unit"]
    if not units:
        return ""
    if not _is_there(source, "/run/systemd/system" if runs else "/etc/systemd/system"):
        return "systemd does not run here: service, and chkconfig or update-rc.d, do what this asks for"
    brought = {change.document.name.rpartition("/")[2] for change in fix if change.document.kind == "file"}
    for change in units:
        name = change.document.name
        starts = isinstance(change.edit, SetState) and change.edit.state in ("enabled", "active")
        if (
            starts
            and name not in brought
            and not any(_is_there(source, f"{place}/{name}") for place in UNIT_PLACES)
        ):
            return f"there is no unit {name}: install the package that brings it"
    return ""


def _is_there(source: Source, path: str) -> bool:
    """Whether a path exists. What was never asked of a recording is taken to be there; `apply` looks itself."""
    try:
        source.stat(path)
    except Absent:
        return False
    except Unknown:
        return True
    return True


def _of_disk(finding: Finding) -> Iterator[Change]:
    """Its changes without those of a running guest's XML, whose elements may be numbered otherwise: what is on disk
    has a finding of its own, and the guest takes it when it starts."""
    for change in finding.fix:
        if finding.state is not State.IN_FORCE or change.document.kind != "domain":
            yield change


def _spread(source: Source, change: Change) -> Iterator[Change]:
    for document in spread(source, change.document):
        yield replace(change, document=document)


def _step(change: Change) -> str:
    if isinstance(change.edit, Do):
        return change.edit.steps
    return f"{change.document}: {describe(change.edit)}"


def _slot(edit: Edit) -> tuple[str, ...] | None:
    """What an edit decides alone; two edits of one slot that differ contradict each other."""
    match edit:
        case SetConf(key) | SetLine(key) | RemoveLine(key):
            return ("key", key)
        case SetAttribute(path, name):
            return ("attribute", path, name)
        case Replace() | CopyOf() | SetState():
            return ("whole",)
    return None


def _without_contradictions(draft: Draft) -> None:
    """The first to ask for something decides; who asks for its contrary is told so."""
    decided: dict[tuple[Document, tuple[str, ...]], tuple[Edit, str]] = {}
    kept: list[Wish] = []
    for wish in draft.wishes:
        claims = {(c.document, slot): c.edit for c in wish.changes if (slot := _slot(c.edit)) is not None}
        against = next(
            (decided[key][1] for key, edit in claims.items() if key in decided and decided[key][0] != edit), ""
        )
        if against:
            draft.refuse(wish, f"it contradicts what {against} asks for")
            continue
        kept.append(wish)
        for key, edit in claims.items():
            decided.setdefault(key, (edit, wish.control))
    draft.wishes = kept
