"""Every guest is confined, and its process has the label that its XML says.

What counts is the label of the process. XML that says `dynamic` and a process that runs unconfined happen
together: on a host where the security driver was off when the guest was started, and after a profile was
unloaded by hand.

Judged: on disk, whether the XML takes the guest out of confinement (`type='none'`); in force, the label of
the QEMU process against the one in the running XML, that its type is one of those for guests, and that it has
two categories. The policy names guests that may be unconfined.

Fix: remove the `<seclabel type='none'>`; a guest that runs without its label has to be started anew.

Proof: inside the confinement of one guest the image of another cannot be opened, and its own can.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy, matches
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.formats import Malformed, selabel
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

_LABELS = ("selinux", "apparmor")
_TYPES = ("svirt_t", "svirt_tcg_t", "qemu_t", "svirt_kvm_net_t", "svirt_qemu_net_t")


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    free = host.get(Policy).svirt.unconfined_guests
    if not guests.guests:
        guests.complete()
        yield notapplicable(HOST, "there are no guests")
        return
    for guest in guests:
        subject = Subject("guest", guest.name)
        if matches(guest.name, free):
            yield notapplicable(subject, "the policy lets this guest run unconfined")
            continue
        if guest.on_disk is not None:
            yield _on_disk(subject, guest.on_disk)
        if guest.running:
            yield _in_force(host, subject, guest)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _on_disk(subject: Subject, definition: Definition) -> Finding:
    for label in definition.seclabels:
        if label.kind == "none" and label.model in (None, *_LABELS):
            change = Change(Document("domain", subject.name), RemoveElement("seclabel"), Safety.DISRUPTIVE)
            message = "its XML takes it out of confinement"
            return failed(subject, message, change, evidence=[definition.cite(label.line)], state=State.ON_DISK)
    labels = [label for label in definition.seclabels if label.model in _LABELS]
    about = (
        definition.cite(labels[0].line) if labels else definition.cite(text="no seclabel: libvirt gives it one")
    )
    return passed(subject, "its XML leaves it confined", about, state=State.ON_DISK)


def _in_force(host: Host, subject: Subject, guest: Guest) -> Finding:
    try:
        process = host.get(GuestProcesses).processes.get(guest.name)
        if process is None:
            return unknown(subject, "its process could not be looked at", state=State.IN_FORCE)
        wrong = next(_wrongs(host.get(Confinement), guest, process), None)
        evidence = [process.text("attr/current").cite(text=process.label)]
    except Unknown as refused:
        return unknown(subject, str(refused), *refused.evidence, state=State.IN_FORCE)
    if wrong is None:
        return passed(subject, f"its process runs as {process.label}", *evidence, state=State.IN_FORCE)
    change = by_hand(Document("guest", guest.name), "stop and start the guest, once the security driver is on")
    return failed(subject, wrong, change, evidence=evidence, state=State.IN_FORCE)


def _wrongs(confinement: Confinement, guest: Guest, process: GuestProcess) -> Iterator[str]:
    label = process.label
    if confinement.module == "none":
        yield "the kernel confines nothing"
    elif confinement.module == "apparmor":
        if label == "unconfined":
            yield "its process is unconfined"
        elif label.partition(" ")[0] != f"libvirt-{guest.uuid}":
            yield f"its process runs under profile {label}, which is not its own"
        elif not label.endswith("(enforce)"):
            yield f"its process runs under {label}: nothing is refused"
    else:
        yield from _selinux_wrongs(guest, label)


def _selinux_wrongs(guest: Guest, label: str) -> Iterator[str]:
    try:
        context = selabel.parse(label)
    except Malformed:
        yield f"its process has the label {label}, which is none of SELinux"
        return
    live = [each for each in (guest.in_force.seclabels if guest.in_force else ()) if each.model == "selinux"]
    given = next((each.label for each in live if each.label), None)
    base = next((each.baselabel for each in live if each.baselabel), None)
    allowed = {*_TYPES, *([selabel.parse(base).type] if base and base.count(":") >= 2 else [])}
    if context.type not in allowed and not (live and live[0].kind == "static" and given == label):
        yield f"its process runs as {context.type}, which is no type for guests"
    elif given is not None and given != label:
        yield f"its process runs as {label}, its XML says {given}"
    elif len(context.categories) != 2 and (not live or live[0].kind == "dynamic"):
        yield f"its process has the categories {context.written_categories}, not two of its own"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("svirt-overview", "svirt-verify-labels", "svirt-verify-xml"),
    check=check,
)
