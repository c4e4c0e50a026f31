"""No two guests have the same categories, nor one guest all those of another.

The categories are what keeps two guests with the same type apart. libvirt draws them so that no two dynamic
labels are alike, and remembers that in the daemon alone: static labels are not reserved, so that a dynamic
guest may draw the very pair, and two static guests may be given the same one. A label with more categories
reaches the files of every label that has only some of them. The blueprint calls the labels unique; they are
so only among dynamic ones.

Judged: all SELinux labels together, the static ones on disk and those of all running guests: equal sets, sets
that contain another, and labels without categories, whose files every other guest reaches.

Fix: remove the static `<seclabel>`, and libvirt draws one; or give the guest a pair that no other has. The
guest takes it at its next start, and its images have to be labelled alike.

Proof: with the label of one guest, the image of every other cannot be opened.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.formats import Malformed, selabel
from virtwarden.formats.selabel import Context
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Safety, Severity, State, Subject

_SHOWN = 3

Mask = int
"""A set of categories as a number with a bit for each: comparing two is one step."""


@dataclass(frozen=True, slots=True)
class _Label:
    guest: str
    state: State
    context: Context
    mask: Mask
    evidence: Evidence


@dataclass(slots=True)
class _Labels:
    """The labels that make sense, and a finding for each that does not."""

    good: list[_Label] = field(default_factory=list)
    odd: list[Finding] = field(default_factory=list)


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    labels = _labels(guests.guests)
    yield from labels.odd
    holders: dict[Mask, dict[str, Evidence]] = defaultdict(dict)
    for label in labels.good:
        holders[label.mask].setdefault(label.guest, label.evidence)
    reached = {mask: _reached(mask, below, holders) for mask, below in _contained(holders).items()}
    for label in labels.good:
        yield _judged(label, reached[label.mask])
    guests.complete()
    if guests.liveness is not None:
        yield unknown(HOST, f"the labels of running guests: {guests.liveness}", state=State.IN_FORCE)
    elif not labels.good and not labels.odd:
        yield notapplicable(HOST, "no guest has an SELinux label yet")


def _labels(guests: Iterable[Guest]) -> _Labels:
    found = _Labels()
    for guest in guests:
        for definition in guest.definitions:
            for seclabel in definition.seclabels:
                drawn_later = definition.state is State.ON_DISK and seclabel.kind != "static"
                if seclabel.model == "selinux" and seclabel.label and not drawn_later:
                    _add(found, definition, seclabel.label, definition.cite(seclabel.line, seclabel.label))
    return found


def _add(found: _Labels, definition: Definition, label: str, evidence: Evidence) -> None:
    try:
        context = selabel.parse(label)
    except Malformed as wrong:
        subject = Subject("guest", definition.name)
        found.odd.append(unknown(subject, f"its label makes no sense: {wrong}", evidence, state=definition.state))
        return
    mask = sum(1 << category for category in context.categories)
    found.good.append(_Label(definition.name, definition.state, context, mask, evidence))


def _contained(holders: Mapping[Mask, object]) -> dict[Mask, list[Mask]]:
    """For each set of categories those that it contains, itself too. Each set is looked for under its rarest
    category alone, so that pairs drawn at random meet few others."""
    spread = Counter(category for mask in holders for category in _bits(mask))
    by_rarest: dict[int, list[Mask]] = defaultdict(list)
    for mask in holders:
        if mask:
            by_rarest[min(_bits(mask), key=lambda category: (spread[category], category))].append(mask)
    return {
        mask: [other for category in _bits(mask) for other in by_rarest[category] if other & mask == other]
        for mask in holders
    }


def _bits(mask: Mask) -> list[int]:
    return [at for at in range(mask.bit_length()) if mask >> at & 1]


def _reached(mask: Mask, below: list[Mask], holders: Mapping[Mask, Mapping[str, Evidence]]) -> dict[str, Evidence]:
    """Whose files a label with these categories reaches by them; of one without any, who reaches its own."""
    found: dict[str, Evidence] = {}
    for other in below if mask else holders:
        found.update(holders[other])
    return dict(sorted(found.items()))


def _judged(label: _Label, reached: Mapping[str, Evidence]) -> Finding:
    subject = Subject("guest", label.guest)
    count = len(reached) - 1
    written = label.context.written_categories
    if not count:
        return passed(
            subject, f"no other guest is within its categories {written}", label.evidence, state=label.state
        )
    first = [name for name, _ in zip(reached, range(_SHOWN + 1), strict=False) if name != label.guest][:_SHOWN]
    others = ", ".join(first) + (f" and {count - len(first)} more" if count > len(first) else "")
    message = f"its categories {written} reach the files of {others}"
    if not label.mask:
        message = f"it has no categories: its files are open to {others}"
    evidence = [label.evidence, *(reached[name] for name in first)]
    return failed(subject, message, _fix(label), evidence=evidence, state=label.state)


def _fix(label: _Label) -> Change:
    document = Document("domain", label.guest)
    if label.state is State.ON_DISK:
        edit = RemoveElement("seclabel[@type='static'][@model='selinux']")
        return Change(document, edit, Safety.DISRUPTIVE)
    return by_hand(document, "remove a static <seclabel> if it has one, then stop and start the guest")


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("svirt-static-labels", "svirt-verify-labels"),
    check=check,
)
