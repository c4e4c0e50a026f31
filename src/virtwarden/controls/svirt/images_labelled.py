"""The images of a running guest have the label of its process, and those of idle guests none that a guest reaches.

The process's label protects nothing if the file has another. An image that kept the categories of an earlier
start is open to whichever guest draws them next; one of the type of running images without any categories is
open to all guests.

Judged: on SELinux hosts, the disks that a guest writes to. For a running guest the label that its XML says
libvirt gave them: svirt_image_t and the categories of its process; disks that guests share have none. For an
idle guest: no such type and no categories, unless its static label keeps its images labelled. Images on network
storage have labels of their own, and device nodes get theirs in a directory that only the guest's QEMU sees.

Fix: `restorecon -F` on the image of an idle guest; a running one takes the right label at its next start.

Proof: `ls -Z` on the images shows the categories of `ps -Z`, and no other guest's process can open them.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.domain import Guest, Seclabel
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.facts.mounts import Mounts, is_network
from virtwarden.formats import Malformed, selabel
from virtwarden.formats.selabel import Context
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State

_RUNNING_TYPE = "svirt_image_t"


def check(host: Host) -> Findings:
    confinement = host.get(Confinement)
    if confinement.module != "selinux":
        yield notapplicable(HOST, "this host does not run SELinux", confinement.evidence)
        return
    images = host.get(Images)
    in_use = {disk.path for disk in images.disks if disk.guest.running and disk.definition.state is State.IN_FORCE}
    judged = False
    for disk in _written(images):
        if disk.guest.running or disk.path is None or disk.path not in in_use:
            judged = True
            yield _looked_at(host, images, disk)
    images.guests.complete()
    if not judged:
        yield notapplicable(HOST, "no guest writes to an image on this host")


def _written(images: Images) -> Iterator[GuestDisk]:
    """The disks of each guest as it is now that it may write to and that lie on this host, as far as is known."""
    for disk in images.disks:
        if disk.definition is disk.guest.latest and disk.is_written and (disk.path is not None or disk.trouble):
            yield disk


def _looked_at(host: Host, images: Images, disk: GuestDisk) -> Finding:
    state = State.IN_FORCE if disk.guest.running else State.ON_DISK
    if disk.path is None:
        return unknown(disk.subject, disk.trouble, disk.evidence, state=state)
    mine = _selinux(disk.guest)
    if mine is not None and mine.kind == "none":
        message = "libvirt gives no labels for a guest that is outside of confinement"
        return notapplicable(disk.subject, message, disk.guest.latest.cite(mine.line), state=state)
    stat = images.images[disk.path].stat
    if isinstance(stat, Absent):
        return notapplicable(disk.subject, str(stat), disk.evidence, state=state)
    if isinstance(stat, Unknown):
        return unknown(disk.subject, f"the label of {disk.path}: {stat}", disk.evidence, state=state)
    if _on_network(host, stat.real):
        return notapplicable(disk.subject, f"{disk.path} lies on network storage", disk.evidence, state=state)
    if stat.label is None:
        return unknown(disk.subject, f"{disk.path} has no label that can be read", stat.cite(), state=state)
    return _judged(images, disk, stat, stat.label, state)


def _on_network(host: Host, path: str) -> bool:
    try:
        return is_network(host.get(Mounts).holding(path)[0].kind)
    except Unknown:
        return False


def _judged(images: Images, disk: GuestDisk, stat: Stat, label: str, state: State) -> Finding:
    subject, evidence = disk.subject, stat.cite(label)
    try:
        has = selabel.parse(label)
        if stat.kind == "block" and has.type != _RUNNING_TYPE:
            message = f"{disk.path} is a device, whose label for the guest cannot be seen from the host"
            return notapplicable(subject, message, evidence, state=state)
        wrong = _running_wrong(disk, has) if disk.guest.running else _idle_wrong(disk, has)
    except Malformed as nonsense:
        return unknown(subject, f"a label of {disk.path} makes no sense: {nonsense}", evidence, state=state)
    if wrong is None:
        return passed(subject, f"{disk.path} is labelled {label}", evidence, state=state)
    if not disk.guest.running and images.guests.liveness is not None:
        why = f"{disk.path} {wrong}, unless the guest runs: {images.guests.liveness}"
        return unknown(subject, why, evidence, state=state)
    steps = f"restorecon -F {disk.path}"
    if disk.guest.running:
        steps = f"stop the guest, {steps}, start it"
    change = by_hand(Document("file", stat.path), steps)
    return failed(subject, f"{disk.path} {wrong}", change, evidence=[evidence], state=state)


def _running_wrong(disk: GuestDisk, has: Context) -> str | None:
    wanted = _wanted(disk)
    kind = _RUNNING_TYPE if wanted is None else wanted.type
    if has.type != kind:
        return f"has the type {has.type}, not {kind}"
    if wanted is not None and not disk.disk.shareable and has.categories != wanted.categories:
        return f"has the categories {has.written_categories}, the guest {wanted.written_categories}"
    return None


def _wanted(disk: GuestDisk) -> Context | None:
    """The label that the running guest's XML gives to its images, or to this one. Raises `Malformed`."""
    own = next((each.label for each in disk.disk.seclabels if each.model == "selinux" and each.label), None)
    whole = _selinux(disk.guest)
    given = own or (whole.imagelabel if whole is not None else None)
    if given is not None:
        return selabel.parse(given)
    if whole is None or whole.label is None:
        return None
    process = selabel.parse(whole.label)
    return Context(process.user, "object_r", _RUNNING_TYPE, process.sensitivity, process.categories)


def _selinux(guest: Guest) -> Seclabel | None:
    return next((each for each in guest.latest.seclabels if each.model == "selinux"), None)


def _idle_wrong(disk: GuestDisk, has: Context) -> str | None:
    """Raises `Malformed`."""
    mine = _selinux(disk.guest)
    if mine is not None and mine.kind == "static" and not mine.relabel and mine.label:
        wanted = selabel.parse(mine.label)
        if has.categories == wanted.categories:
            return None
        return f"has the categories {has.written_categories}, its guest's static label {wanted.written_categories}"
    if has.categories:
        return f"still has the categories {has.written_categories} of an earlier start"
    if has.type == _RUNNING_TYPE and not disk.disk.shareable:
        return f"still has the type {has.type}, without categories: every guest can open it"
    return None


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("svirt-verify-labels", "svirt-static-labels"),
    check=check,
)
