"""Every guest is confined, and its process has the label that its XML says.

What counts is the label of the process. XML that says `dynamic` and a process that runs unconfined happen
together: on a host where the security driver was off when the guest was started, and after a profile was
unloaded by hand.

Judged: on disk, whether the XML takes the guest out of confinement (`type='none'`, a static label of a type
that is not one of guests, or nothing where `security_default_confined` is off); in force, the label of the
QEMU process against the one in the running XML, that its type is one of those for guests, `svirt_tcg_t` only
for guests without KVM, and that it has two categories; with AppArmor, that it is under the guest's own profile.
The policy names guests that may be unconfined.

Fix: remove that `<seclabel>`, or set `security_default_confined` to 1; a guest that runs without its
label has to be started anew.

Proof: inside the confinement of one guest the image of another cannot be opened, and its own can.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement, SetConf
from virtwarden.facts.confinement import Confinement, profile_of
from virtwarden.facts.domain import Definition, Guest, Seclabel
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy, matches
from virtwarden.facts.processes import GuestProcesses
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.facts.selinux import type_of
from virtwarden.formats import Malformed, selabel
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

_MODELS = ("selinux", "apparmor")
_TYPE, _EMULATED = "svirt_t", "svirt_tcg_t"


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
            yield _on_disk(host, subject, guest.on_disk)
        if guest.running:
            yield _in_force(host, subject, guest)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _on_disk(host: Host, subject: Subject, definition: Definition) -> Finding:
    labels = [label for label in definition.seclabels if label.model in (None, *_MODELS)]
    for label in labels:
        wrong = _taken_out(label)
        if wrong is not None:
            model = f"[@model='{label.model}']" if label.model else ""
            edit = RemoveElement(f"seclabel[@type='{label.kind}']{model}")
            change = Change(Document("domain", subject.name), edit, Safety.DISRUPTIVE)
            return failed(subject, wrong, change, evidence=[definition.cite(label.line)], state=State.ON_DISK)
    if labels and any(element.get("type") for element in definition.xml.iterfind("seclabel")):
        cited = definition.cite(labels[0].line)
        return passed(subject, "its XML leaves it confined", cited, state=State.ON_DISK)
    return _by_default(host, subject, definition)


def _taken_out(label: Seclabel) -> str | None:
    if label.kind == "none":
        return "its XML takes it out of confinement"
    kind = type_of(label.label)
    if label.kind == "static" and label.model == "selinux" and kind is not None and "svirt" not in kind:
        return f"its XML gives it the type {kind}, which is no type for guests"
    return None


def _by_default(host: Host, subject: Subject, definition: Definition) -> Finding:
    try:
        conf = host.get(QemuConf)
    except Unknown as refused:
        message = f"whether guests are confined by default: {refused}"
        return unknown(subject, message, *refused.evidence, state=State.ON_DISK)
    cited = (definition.cite(text="its XML does not say"), conf.cite("security_default_confined"))
    if conf.security_default_confined:
        return passed(subject, "libvirt confines it as it does all guests", *cited, state=State.ON_DISK)
    change = file_change(PATH, SetConf("security_default_confined", 1))
    message = "its XML does not say, and libvirt confines no guest unless told"
    return failed(subject, message, change, evidence=cited, state=State.ON_DISK)


def _in_force(host: Host, subject: Subject, guest: Guest) -> Finding:
    change = by_hand(Document("guest", guest.name), _restart(guest))
    try:
        confinement = host.get(Confinement)
        if confinement.module == "none":
            evidence = [confinement.evidence]
            message = "the kernel confines nothing"
            return failed(subject, message, change, evidence=evidence, state=State.IN_FORCE)
        process = host.get(GuestProcesses).processes.get(guest.name)
        if process is None:
            return unknown(subject, "its process could not be looked at", state=State.IN_FORCE)
        label = process.label
        evidence = [process.text("attr/current").cite(text=label)]
    except Unknown as refused:
        return unknown(subject, str(refused), *refused.evidence, state=State.IN_FORCE)
    judge = _apparmor_wrong if confinement.module == "apparmor" else _selinux_wrong
    wrong = judge(guest, label)
    if wrong is None:
        return passed(subject, f"its process runs as {label}", *evidence, state=State.IN_FORCE)
    return failed(subject, wrong, change, evidence=evidence, state=State.IN_FORCE)


def _restart(guest: Guest) -> str:
    if any(_taken_out(label) for label in guest.latest.seclabels):
        return "take the <seclabel> out of its XML, then stop and start the guest"
    return "stop and start the guest, once the security driver is on"


def _apparmor_wrong(guest: Guest, label: str) -> str | None:
    profile, _, mode = label.rpartition(" ")
    if label == "unconfined":
        return "its process is unconfined"
    if profile != profile_of(guest):
        return f"its process runs under profile {label}, which is not its own"
    if mode not in ("(enforce)", "(kill)"):
        return f"its process runs under {label}: nothing is refused"
    return None


def _selinux_wrong(guest: Guest, label: str) -> str | None:
    try:
        context = selabel.parse(label)
    except Malformed:
        return f"its process has the label {label}, which is none of SELinux"
    mine = next((each for each in guest.latest.seclabels if each.model == "selinux"), None)
    given = mine.label if mine is not None else None
    if not _is_for_guests(guest, mine, context.type):
        return f"its process runs as {context.type}, which is no type for a guest like it"
    if given is not None and given != label:
        return f"its process runs as {label}, its XML says {given}"
    if len(context.categories) != 2 and (mine is None or mine.kind != "static"):
        return f"its process has the categories {context.written_categories}, not two of its own"
    return None


def _is_for_guests(guest: Guest, mine: Seclabel | None, kind: str) -> bool:
    if kind in (_TYPE, type_of(mine.baselabel) if mine is not None else None):
        return True
    if kind == _EMULATED:
        return guest.latest.hypervisor == "qemu"
    return mine is not None and mine.kind == "static" and "svirt" in kind


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("svirt-overview", "svirt-verify-labels", "svirt-verify-xml"),
    check=check,
)
