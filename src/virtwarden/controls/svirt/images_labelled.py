"""The images of a running guest have the label of its process, and those of idle guests that of the policy.

The process's label protects nothing if the file has another. An image that kept the categories of an earlier
start is open to whichever guest draws them next; one of a general type is open to all guests.

Judged: on SELinux hosts, for each running guest's writable disks: type svirt_image_t and the categories of
the process; disks that guests share have no categories. For idle guests: no categories left on the image.

Fix: `restorecon -F` on the image of an idle guest; a running one takes the right label at its next start.

Proof: `ls -Z` on the images shows the categories of `ps -Z`, and no other guest's process can open them.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import Do
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.domain import Guest
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.formats import Malformed, selabel
from virtwarden.host import Absent, Host, Stat
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

_IMAGE_TYPES = ("svirt_image_t", "qemu_image_t")


def check(host: Host) -> Findings:
    confinement = host.get(Confinement)
    if confinement.module != "selinux":
        yield notapplicable(HOST, "this host does not run SELinux", confinement.evidence)
        return
    images = host.get(Images)
    guests = {guest.name: guest for guest in images.guests.guests}
    judged = False
    for disk in images:
        guest = guests.get(disk.guest)
        if guest is None or disk.path is None or disk.definition is not guest.latest or not disk.is_written:
            continue
        judged = True
        image = images.images.get(disk.path)
        yield _judged(guest, disk, Absent("it was not looked at") if image is None else image.stat)
    if not judged:
        yield notapplicable(HOST, "no guest writes to an image on this host")


def _judged(guest: Guest, disk: GuestDisk, stat: Stat | Exception) -> Finding:
    subject = Subject("guest", guest.name)
    if not isinstance(stat, Stat):
        return unknown(subject, f"the label of {disk.path}: {stat}", state=State.IN_FORCE)
    if stat.label is None:
        return unknown(subject, f"{disk.path} has no label that can be read", stat.cite(), state=State.IN_FORCE)
    wrong = _running_wrong(guest, disk, stat.label) if guest.running else _idle_wrong(stat.label)
    if wrong is None:
        return passed(
            subject, f"{disk.path} is labelled {stat.label}", stat.cite(stat.label), state=State.IN_FORCE
        )
    steps = f"restorecon -F {disk.path}" if not guest.running else "stop the guest, restorecon -F, start it"
    change = Change(Document("file", disk.path or ""), Do(steps), Safety.MANUAL)
    return failed(subject, f"{disk.path} {wrong}", change, evidence=[stat.cite(stat.label)], state=State.IN_FORCE)


def _running_wrong(guest: Guest, disk: GuestDisk, label: str) -> str | None:
    process = next((s.label for s in guest.latest.seclabels if s.model == "selinux" and s.label), None)
    try:
        has = selabel.parse(label)
        wanted = selabel.parse(process) if process else None
    except Malformed as wrong:
        return f"has a label that makes no sense: {wrong}"
    if has.type not in _IMAGE_TYPES:
        return f"has the type {has.type}, which is not for the disks of running guests"
    if disk.disk.shareable:
        return None
    if wanted is not None and has.categories != wanted.categories:
        return f"has the categories {has.written_categories}, the guest {wanted.written_categories}"
    return None


def _idle_wrong(label: str) -> str | None:
    try:
        has = selabel.parse(label)
    except Malformed as wrong:
        return f"has a label that makes no sense: {wrong}"
    if has.categories:
        return f"still has the categories {has.written_categories} of an earlier start"
    return None


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("svirt-verify-labels", "svirt-static-labels"),
    check=check,
)
