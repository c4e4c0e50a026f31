"""No two guests have the same categories, nor one guest all those of another.

The categories are what keeps two guests with the same type apart. libvirt draws them so that no two dynamic
labels are alike, and remembers that in the daemon alone: static labels are not reserved, so that a dynamic
guest may draw the very pair, and two static guests may be given the same one. A label with more categories
reaches the files of every label that has only some of them. The blueprint calls the labels unique; they are
so only among dynamic ones.

Judged: all SELinux labels together, the static ones on disk and those of all running guests: equal sets, and
sets that contain another.

Fix: remove the static `<seclabel>`, and libvirt draws one; or give the guest a pair that no other has. The
guest takes it at its next start, and its images have to be labelled alike.

Proof: with the label of one guest, the image of every other cannot be opened.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.guests import Guests
from virtwarden.formats import Malformed, selabel
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Safety, Severity, State, Subject


@dataclass(frozen=True, slots=True)
class _Label:
    guest: str
    state: State
    categories: frozenset[int]
    written: str
    evidence: Evidence


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    labels = list(_labels(guests))
    if not labels:
        guests.complete()
        yield notapplicable(HOST, "no guest has an SELinux label that is known")
        return
    holders: dict[int, set[str]] = defaultdict(set)
    for label in labels:
        for category in label.categories:
            holders[category].add(label.guest)
    by_guest: dict[str, list[_Label]] = defaultdict(list)
    for label in labels:
        by_guest[label.guest].append(label)
    for label in labels:
        subject = Subject("guest", label.guest)
        reached = sorted(_reached(label, holders, by_guest, labels))
        if not reached:
            message = f"no other guest is within its categories {label.written}"
            yield passed(subject, message, label.evidence, state=label.state)
            continue
        others = ", ".join(reached[:3]) + (f" and {len(reached) - 3} more" if len(reached) > 3 else "")
        change = Change(
            Document("domain", label.guest), RemoveElement("seclabel[@model='selinux']"), Safety.DISRUPTIVE
        )
        evidence = [label.evidence, *(by_guest[name][0].evidence for name in reached[:3])]
        message = f"its categories {label.written} reach the files of {others}"
        yield failed(subject, message, change, evidence=evidence, state=label.state)
    guests.complete()
    if guests.liveness is not None:
        yield unknown(HOST, f"labels of running guests: {guests.liveness}", state=State.IN_FORCE)


def _labels(guests: Guests) -> Iterator[_Label]:
    for guest in guests.guests:
        for definition in guest.definitions:
            for seclabel in definition.seclabels:
                if seclabel.model != "selinux" or not seclabel.label:
                    continue
                try:
                    context = selabel.parse(seclabel.label)
                except Malformed:
                    continue  # libvirt does not start a guest with it
                evidence = definition.cite(seclabel.line, seclabel.label)
                yield _Label(
                    guest.name, definition.state, context.categories, context.written_categories, evidence
                )


def _reached(
    label: _Label, holders: dict[int, set[str]], by_guest: dict[str, list[_Label]], labels: list[_Label]
) -> set[str]:
    """The guests whose categories are all among this label's."""
    near = set().union(*(holders[category] for category in label.categories)) - {label.guest}
    found = {
        name
        for name in near
        for other in by_guest[name]
        if other.categories and other.categories <= label.categories
    }
    bare = {other.guest for other in labels if not other.categories} - {label.guest}
    return found | (bare if not label.categories else set())


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("svirt-static-labels", "svirt-verify-labels"),
    check=check,
)
