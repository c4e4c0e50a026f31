"""Every disk says in which format its image is.

Where the format is not said somebody has to guess it, and a guest that owns a raw disk decides what is guessed:
it writes the header of a qcow2 image that names a file of the host as its backing file, and at the next start
reads that file as its disk. libvirt of today takes raw where nothing is said, which is safe and silently breaks
guests whose image is something else; older ones, and any of them with `allow_disk_format_probing`, look at the
image. The blueprint's example of a guest on an encrypted volume leaves the format out.

Judged: `type` of `<driver>` on each disk with a file, a device, a volume or a network image, on disk and in
force; `allow_disk_format_probing` in qemu.conf.

Fix: state `raw`, which is what libvirt takes now, where the image has no other header; where it has one, a
person decides. Guests take it at their next start.

Proof: a raw image with a forged header stays as long for its guest as it was, and no other file is opened.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.edits import InsertElement, SetAttribute, SetConf
from virtwarden.facts.contents import Content
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Change, Document, Safety, Severity, State, Subject

PROBING = "allow_disk_format_probing"
NOT_GUESSING_SINCE = (0, 8, 3)


def check(host: Host) -> Findings:
    images = host.get(Images)
    yield from probing(host.get(QemuConf), host.get(Libvirt))
    for disk in images:
        state = disk.definition.state
        if disk.disk.kind in ("dir", "vhostuser", "nvme", "vhostvdpa"):
            continue
        if disk.disk.format is not None:
            yield passed(disk.subject, f"its format is {disk.disk.format}", disk.evidence, state=state)
            continue
        found = sign(images, disk)
        message = f"its format is not said{f', and its image has the header of {found}' if found else ''}"
        yield failed(disk.subject, message, fix(disk, found), evidence=[disk.evidence], state=state)


def probing(conf: QemuConf, libvirt: Libvirt) -> Findings:
    """libvirt's own guessing, which could be turned off from version 0.8.3 on and was taken out in version 6."""
    subject = Subject("setting", PROBING)
    cited = conf.cite(PROBING)
    if libvirt.at_least(*NOT_GUESSING_SINCE) is False:
        message = f"libvirt {'.'.join(map(str, libvirt.version or ()))} guesses formats and cannot be told not to"
        newer = by_hand(Document("file", PATH), "install a release of the distribution with a newer libvirt")
        yield failed(subject, message, newer, evidence=[cited, *libvirt.evidence], state=State.ON_DISK)
    elif conf.allow_disk_format_probing:
        change = file_change(PATH, SetConf(PROBING, 0))
        message = "libvirt guesses formats from what the guest wrote"
        yield failed(subject, message, change, evidence=[cited], state=State.ON_DISK)
    else:
        yield passed(subject, "libvirt does not guess formats", cited, state=State.ON_DISK)


def sign(images: Images, disk: GuestDisk) -> str | None:
    """The format that an image's first bytes announce; None for raw ones and for those that cannot be read."""
    image = images.images.get(disk.path or "")
    return image.content.format if image is not None and isinstance(image.content, Content) else None


def fix(disk: GuestDisk, found: str | None) -> Change:
    """State what libvirt takes now, unless the image speaks against it."""
    document = Document("domain", disk.guest.name)
    if found not in (None, "iso", "luks"):
        steps = (
            f"virsh edit {disk.guest.name}: give <driver> of disk {disk.disk.target} type='{found}' if you made "
            f"the image in that format, and type='raw' if the guest may have written the header"
        )
        return by_hand(document, steps)
    path = f"devices/disk[{disk.number}]"
    if disk.disk.xml.find("driver") is not None:
        return Change(document, SetAttribute(f"{path}/driver", "type", "raw"), Safety.DISRUPTIVE)
    return Change(document, InsertElement(path, "<driver name='qemu' type='raw'/>"), Safety.DISRUPTIVE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("securing-storage-devices", "encrypt-existing-guest"),
    check=check,
)
