"""From failing findings to one plan: which documents change, in which order, and what that means for the host.

Nothing is changed here. A finding is mended whole or not at all: where one change of its fix cannot be made, the
others are not made either, and the plan says what a person has to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain

import msgspec

from virtwarden import __version__
from virtwarden.activations import Daemons, activations_of, cuts, takes_effect
from virtwarden.difference import difference
from virtwarden.edits import (
    Do,
    Edit,
    RemoveLine,
    Replace,
    SetAttribute,
    SetConf,
    SetLine,
    SetMode,
    SetState,
    describe,
)
from virtwarden.facts.guests import Guests
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Source, Unknown
from virtwarden.livechanges import live_edits
from virtwarden.model import (
    Change,
    Disturbance,
    Document,
    Expectation,
    Finding,
    Plan,
    Report,
    Result,
    Rewrite,
    Safety,
    State,
    Unfixed,
)
from virtwarden.places import UNIT_PLACES, order_of, path_of, spread
from virtwarden.splice import CannotApply, apply_all, is_textual

BY_HAND = "this takes a person"
_ALIVE_KINDS = ("boolean", "sysctl", "fcontext")
_STATE_KINDS = ("unit", *_ALIVE_KINDS)
_KINDS = ("file", "boot", "domain", "nwfilter", *_STATE_KINDS)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A failing finding, the documents that its fix changes, and the changes."""

    control: str
    finding: Finding
    changes: tuple[Change, ...]


@dataclass(slots=True)
class _Draft:
    """A plan on its way: what is still wished for, and what cannot be had."""

    source: Source
    wishes: list[_Wish] = field(default_factory=list)
    unfixed: list[Unfixed] = field(default_factory=list)

    def refuse(self, wish: _Wish, why: str) -> None:
        steps = tuple(_step(change) for change in wish.finding.fix)
        self.unfixed.append(Unfixed(wish.control, wish.finding.subject, why, steps, wish.finding.state))


def make(
    host: Host, source: Source, report: Report, root: str = "/", *, safest: Safety = Safety.DISRUPTIVE
) -> Plan:
    """The plan that mends what a report says of this host. `source` gives its texts as they are, secrets included;
    none of them is in the plan. Changes beyond `safest` are left to a person."""
    draft = _Draft(source)
    for outcome in report.outcomes:
        for finding in outcome.findings:
            if finding.result is Result.FAIL and not report.excused(outcome.control, finding):
                _admit(draft, _Wish(outcome.control, finding, ()), safest, runs=root == "/")
    _without_contradictions(draft)
    rewrites = sorted(_rewrites(draft), key=lambda rewrite: order_of(rewrite.document, rewrite.path))
    return Plan(
        host=report.host,
        root=root,
        made_at=report.taken_at,
        version=__version__,
        profile=report.profile,
        policy=msgspec.to_builtins(host.get(Policy)),
        rewrites=tuple(_activated(host, rewrites) if root == "/" else rewrites),
        unfixed=tuple(draft.unfixed),
        blast=tuple(_blast(host, rewrites)),
        expected=tuple(_expected(draft.wishes, root)),
    )


def digest_of(source: Source, rewrite: Rewrite) -> str:
    """The digest of a document as it is now, to be held against `Rewrite.digest`. Raises `Unknown`."""
    return _digest(source, rewrite.path, rewrite.edits)


def text_after(rewrite: Rewrite, before: str | None) -> str | None:
    """The text of a document with its edits made. Raises `CannotApply`."""
    textual = [edit for edit in rewrite.edits if is_textual(edit)]
    return apply_all(textual, before, rewrite.document) if textual else before


def _admit(draft: _Draft, wish: _Wish, safest: Safety, *, runs: bool) -> None:
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
        changes = tuple(chain.from_iterable(_spread(draft.source, change) for change in _of_disk(wish.finding)))
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
        case Replace() | SetState():
            return ("whole",)
    return None


def _without_contradictions(draft: _Draft) -> None:
    """The first to ask for something decides; who asks for its contrary is told so."""
    decided: dict[tuple[Document, tuple[str, ...]], tuple[Edit, str]] = {}
    kept: list[_Wish] = []
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


@dataclass(slots=True)
class _Gathered:
    """All that is asked of one document."""

    edits: dict[Edit, None] = field(default_factory=dict)
    controls: dict[str, None] = field(default_factory=dict)
    safety: Safety = Safety.SAFE


def _gathered(wishes: Iterable[_Wish]) -> dict[Document, _Gathered]:
    found: dict[Document, _Gathered] = {}
    for wish in wishes:
        for change in wish.changes:
            each = found.setdefault(change.document, _Gathered())
            each.edits.setdefault(change.edit)
            each.controls.setdefault(wish.control)
            if change.safety is Safety.DISRUPTIVE:
                each.safety = Safety.DISRUPTIVE
    return found


def _rewrites(draft: _Draft) -> list[Rewrite]:
    """One rewrite a document. A document that cannot be written costs the wishes that need it, and what only these
    had asked of other documents goes with them."""
    while True:
        done, refused = _attempt(draft)
        if not refused:
            return done
        kept = []
        for wish in draft.wishes:
            why = next((why for document, edit, why in refused if _asks(wish, document, edit)), None)
            if why is None:
                kept.append(wish)
            else:
                draft.refuse(wish, why)
        draft.wishes = kept


_Refused = list[tuple[Document, Edit | None, str]]


def _asks(wish: _Wish, document: Document, edit: Edit | None) -> bool:
    return any(c.document == document and edit in (None, c.edit) for c in wish.changes)


def _attempt(draft: _Draft) -> tuple[list[Rewrite], _Refused]:
    done: list[Rewrite] = []
    refused: _Refused = []
    for document, gathered in _gathered(draft.wishes).items():
        try:
            rewrite = _rewrite(draft.source, document, gathered)
        except Unknown as unknown:
            refused.append((document, None, str(unknown)))
        except CannotApply as wrong:
            refused += _blamed(draft.source, document, gathered, str(wrong))
        else:
            if rewrite is not None:
                done.append(rewrite)
    return done, refused


def _blamed(source: Source, document: Document, gathered: _Gathered, why: str) -> _Refused:
    """The edits that cannot be made even alone; all of them where only their company is the trouble."""
    alone: _Refused = []
    for edit in gathered.edits:
        try:
            _rewrite(source, document, _alone(gathered, edit))
        except CannotApply as wrong:
            alone.append((document, edit, str(wrong)))
    return alone or [(document, None, why)]


def _alone(gathered: _Gathered, edit: Edit) -> _Gathered:
    """The same with this edit alone."""
    return _Gathered({edit: None}, gathered.controls, gathered.safety)


def _rewrite(source: Source, document: Document, gathered: _Gathered) -> Rewrite | None:
    """The document with all its edits made; None where that changes nothing."""
    edits = _folded(gathered.edits)
    path = path_of(document)
    shown = _state_shown(edits) if document.kind in _STATE_KINDS else _shown(source, document, path, edits)
    if not shown:
        return None
    return Rewrite(
        document=document,
        edits=edits,
        controls=tuple(gathered.controls),
        safety=gathered.safety,
        path=path,
        digest=_digest(source, path, edits) if path else "",
        diff=shown,
        cuts=cuts(document, path, edits),
    )


def _folded(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits with those of permissions made one, which grants what all of them grant."""
    modes = [edit for edit in edits if isinstance(edit, SetMode)]
    others = [edit for edit in edits if not isinstance(edit, SetMode)]
    if len(modes) < 2:
        return tuple(edits)
    wanted = [edit.mode for edit in modes if edit.mode is not None]
    mode = wanted[0] if wanted else None
    for each in wanted:
        mode = each & (mode if mode is not None else each)
    return (*others, SetMode(mode, _agreed(m.owner for m in modes), _agreed(m.group for m in modes),
                             _agreed(m.label for m in modes)))  # fmt: skip


def _agreed(wanted: Iterable[str | None]) -> str | None:
    names = list(dict.fromkeys(name for name in wanted if name is not None))
    if len(names) > 1:
        raise CannotApply(f"it is to belong to {' and to '.join(names)}")
    return names[0] if names else None


def _state_shown(edits: Iterable[Edit]) -> str:
    return "".join(f"+{edit.state}\n" for edit in edits if isinstance(edit, SetState))


def _shown(source: Source, document: Document, path: str, edits: Sequence[Edit]) -> str:
    """The difference that the edits make; empty where they make none. Raises `CannotApply` and `Unknown`."""
    before = text_at(source, path) if any(is_textual(edit) for edit in edits) else None
    textual = [edit for edit in edits if is_textual(edit)]
    after = apply_all(textual, before, document) if textual else before
    return difference(path, before, after) + "".join(
        _mode_shown(source, path, e) for e in edits if isinstance(e, SetMode)
    )


def _mode_shown(source: Source, path: str, edit: SetMode) -> str:
    try:
        now = source.stat(path)
    except Absent as absent:
        raise CannotApply(str(absent)) from None
    pairs = (
        ("mode", f"{now.mode:04o}", None if edit.mode is None else f"{edit.mode:04o}"),
        ("owner", now.owner, edit.owner),
        ("group", now.group, edit.group),
        ("label", now.label or "none", edit.label),
    )
    changed = [(what, old, new) for what, old, new in pairs if new not in (None, old)]
    return "".join(f"-{what} {old}\n" for what, old, _ in changed) + "".join(
        f"+{what} {new}\n" for what, _, new in changed
    )


def text_at(source: Source, path: str) -> str | None:
    """The text of a file, None where there is none. Raises `Unknown`; of a file of our own, of which a recording may
    not have been asked, only where the host itself refuses it."""
    try:
        return source.read(path).text
    except Absent:
        return None
    except Unknown:
        if _OWN.search(path) and _is_absent(source, path):
            return None
        raise


_OWN = re.compile(r"virt-?warden")


def _is_absent(source: Source, path: str) -> bool:
    """Whether nothing is known of a file, not even that it is there."""
    try:
        source.stat(path)
    except Absent:
        return True
    except Unknown:
        return True  # a recording that was never asked of it; apply looks again
    return False


def _digest(source: Source, path: str, edits: Sequence[Edit]) -> str:
    text = text_at(source, path) if any(is_textual(edit) for edit in edits) else None
    parts = ["absent" if text is None else sha256(text.encode("utf-8", "surrogateescape")).hexdigest()]
    if any(isinstance(edit, SetMode) for edit in edits):
        try:
            now = source.stat(path)
            parts.append(f"{now.mode:04o} {now.uid}:{now.gid}")
        except Absent:
            parts.append("absent")
    return " ".join(parts)


def _activated(host: Host, rewrites: Iterable[Rewrite]) -> Iterator[Rewrite]:
    """The rewrites with what makes the running system take each of them."""
    daemons = _daemons(host)
    for each in rewrites:
        activations = tuple(activations_of(each.document, each.path, each.edits, daemons))
        yield replace(each, activations=activations)


def _daemons(host: Host) -> Daemons:
    try:
        libvirt = host.get(Libvirt)
    except (Absent, Unknown):
        return Daemons()
    network = "virtnetworkd" if libvirt.modular else "libvirtd"
    return Daemons(libvirt.qemu_daemon, libvirt.remote_daemon, network)


def _blast(host: Host, rewrites: Sequence[Rewrite]) -> Iterator[Disturbance]:
    """What running guests notice, or have to do for a change to reach them."""
    try:
        running = {guest.name for guest in host.get(Guests).guests if guest.in_force is not None}
    except (Absent, Unknown):
        return
    changed = {r.document.name for r in rewrites if r.document.kind == "domain"}
    if any(r.path.endswith("/libvirt/qemu.conf") for r in rewrites):
        changed = running
    live = {r.document.name for r in rewrites if r.document.kind == "domain" and live_edits(r.edits)}
    for name in sorted(running & changed):
        yield Disturbance(name, _IN_PART if name in live else _LATER)


_LATER = "the change takes effect when it is started anew"
_IN_PART = "its network filters and console passwords change at once, the rest when it is started anew"


def _expected(wishes: Iterable[_Wish], root: str) -> Iterator[Expectation]:
    for wish in wishes:
        when = _when(wish, root)
        yield Expectation(wish.control, wish.finding.subject, wish.finding.state, when)


def _when(wish: _Wish, root: str) -> str:
    """What has to happen before the finding passes, besides what applying the plan does."""
    if root != "/" and any(c.document.name.startswith("/etc/default/grub") for c in wish.changes):
        return "the boot menu is made anew"
    if wish.finding.state is not State.IN_FORCE:
        return ""
    later = (takes_effect(change.document, path_of(change.document)) for change in wish.finding.fix)
    return next((when for when in later if when), "")
