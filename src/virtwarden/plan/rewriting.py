"""From wishes to rewrites: all edits of one document made together, shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from virtwarden.activations import cuts
from virtwarden.difference import difference
from virtwarden.edits import CopyOf, Edit, SetMode, SetState
from virtwarden.formats import Malformed
from virtwarden.host import Absent, Source, Stat, Unknown
from virtwarden.model import Document, Rewrite, Safety
from virtwarden.places import path_of
from virtwarden.plan.wishes import STATE_KINDS, Draft, Wish
from virtwarden.sources.pemidentity import identity
from virtwarden.splice import CannotApply, apply_all, is_textual, rewrites_text


def checksum(text: str | None) -> str:
    """The SHA-256 of a text, in hexadecimal; `absent` of a file that is not there."""
    return "absent" if text is None else sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def digest_of(source: Source, rewrite: Rewrite) -> str:
    """The digest of a document as it is now, to be held against `Rewrite.digest`. Raises `Unknown`."""
    return _digest(source, rewrite.path, rewrite.edits)


def text_after(rewrite: Rewrite, before: str | None) -> str | None:
    """The text of a document with its edits made. Raises `CannotApply`."""
    textual = [edit for edit in rewrite.edits if is_textual(edit)]
    return apply_all(textual, before, rewrite.document) if textual else before


@dataclass(slots=True)
class _Gathered:
    """All that is asked of one document."""

    edits: dict[Edit, None] = field(default_factory=dict)
    controls: dict[str, None] = field(default_factory=dict)
    safety: Safety = Safety.SAFE


def _gathered(wishes: Iterable[Wish]) -> dict[Document, _Gathered]:
    found: dict[Document, _Gathered] = {}
    for wish in wishes:
        for change in wish.changes:
            each = found.setdefault(change.document, _Gathered())
            each.edits.setdefault(change.edit)
            each.controls.setdefault(wish.control)
            if change.safety is Safety.DISRUPTIVE:
                each.safety = Safety.DISRUPTIVE
    return found


def rewrites_of(draft: Draft) -> list[Rewrite]:
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


def _asks(wish: Wish, document: Document, edit: Edit | None) -> bool:
    return any(c.document == document and edit in (None, c.edit) for c in wish.changes)


def _attempt(draft: Draft) -> tuple[list[Rewrite], _Refused]:
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
    shown = _state_shown(edits) if document.kind in STATE_KINDS else _shown(source, document, path, edits)
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
    return (
        difference(path, before, after)
        + "".join(_copy_shown(source, path, edit) for edit in edits if isinstance(edit, CopyOf))
        + _attributes_shown(source, document, edits)
    )


def _copy_shown(source: Source, path: str, edit: CopyOf) -> str:
    """What a copy changes, without the text; empty where the file holds the same already."""
    before = text_at(source, path)
    if before is not None and holds(before, edit.identity):
        return ""
    gone = "-what it holds now\n" if before is not None else ""
    return f"{gone}+a copy of {edit.source}{f': {edit.what}' if edit.what else ''}\n"


def holds(text: str, wanted: str) -> bool:
    """Whether this text is of that identity."""
    try:
        return identity(text) == wanted
    except Malformed:
        return False


def _attributes_shown(source: Source, document: Document, edits: Sequence[Edit]) -> str:
    """The permissions that change, those of a copy first, which others may narrow."""
    wanted: dict[str, str] = {}
    makes = document.kind == "directory"
    for edit in sorted(edits, key=lambda edit: isinstance(edit, SetMode)):
        if isinstance(edit, CopyOf | SetMode):
            makes = makes or isinstance(edit, CopyOf)
            mode = None if edit.mode is None else f"{edit.mode:04o}"
            told = {"mode": mode, "owner": edit.owner, "group": edit.group, "label": edit.label}
            wanted |= {name: value for name, value in told.items() if value is not None}
    if not wanted:
        return ""
    now = _stat(source, path_of(document))
    if now is None and not makes:
        raise CannotApply(f"there is no {path_of(document)}")
    was = {} if now is None else _attributes(now)
    numbers = {} if now is None else {"owner": str(now.uid), "group": str(now.gid)}
    changed = [name for name, value in wanted.items() if value not in (was.get(name), numbers.get(name))]
    made = "+directory\n" if now is None and document.kind == "directory" else ""
    gone = "".join(f"-{name} {was[name]}\n" for name in changed if name in was)
    return made + gone + "".join(f"+{name} {wanted[name]}\n" for name in changed)


def _attributes(now: Stat) -> dict[str, str]:
    return {"mode": f"{now.mode:04o}", "owner": now.owner, "group": now.group, "label": now.label or "none"}


def _stat(source: Source, path: str) -> Stat | None:
    try:
        return source.stat(path)
    except Absent:
        return None


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
    text = text_at(source, path) if any(rewrites_text(edit) for edit in edits) else None
    parts = [checksum(text)]
    if any(isinstance(edit, CopyOf | SetMode) for edit in edits):
        try:
            now = source.stat(path)
            parts.append(f"{now.mode:04o} {now.uid}:{now.gid}")
        except Absent:
            parts.append("absent")
    return " ".join(parts)
