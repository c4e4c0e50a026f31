"""Guests that the policy names have all their disks encrypted.

An image is read by whoever gets at the disks of the host: a discarded drive, a backup, a storage administrator.
What the guest's own permissions are plays no part. Which guests hold data that must not be read so is for the
site to say.

Judged: for each guest that matches `guests` of the policy's `[encryption]`: every disk that it writes to is
encrypted by QEMU, lies on a dm-crypt volume, or on a file system that does. Installation media are left out.

Fix: move the disk onto an encrypted volume or into an encrypted image, while the guest is off; a person does
this.

Proof: a mark that was written inside the guest is not found on the device that the image lies on.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.facts.atrest import encrypted_beneath
from virtwarden.facts.block import Device
from virtwarden.facts.crypttab import Crypttab
from virtwarden.facts.diskprotection import protection_of
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.facts.policy import Policy, matches
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Evidence, Finding, Severity, Subject


def check(host: Host) -> Findings:
    images = host.get(Images)
    wanted = host.get(Policy).encryption.guests
    judged = False
    for disk in images.disks:
        if matches(disk.guest.name, wanted) and not disk.is_removable:
            judged = True
            yield finding(host, images, disk)
    if not judged:
        message = "the policy names no guest that must be encrypted" if not wanted else "no such guest has a disk"
        yield notapplicable(Subject("host"), message)
    images.guests.complete()


def finding(host: Host, images: Images, disk: GuestDisk) -> Finding:
    """Whether one disk is encrypted."""
    state = disk.definition.state
    try:
        how = protection_of(images, disk)
        if how is not None:
            return passed(disk.subject, how.how, how.evidence, disk.evidence, state=state)
        beneath = _beneath(host, images, disk.path)
        if beneath is not None:
            message = f"its file system is on the encrypted volume {beneath[0]}"
            return passed(disk.subject, message, beneath[1], beneath[0].evidence, state=state)
    except Unknown as refused:
        return _by_crypttab(host, disk) or unknown(disk.subject, str(refused), disk.evidence, state=state)
    steps = (
        f"with {disk.guest.name} off, make a LUKS2 volume at least 16 MiB larger than the disk, copy it there "
        "with qemu-img convert, compare, point the guest at it, destroy the original once the guest has started"
    )
    change = by_hand(Document("domain", disk.guest.name), steps)
    message = f"{disk.path or disk.disk.source} is not encrypted"
    return failed(disk.subject, message, change, evidence=[disk.evidence], state=state)


def _by_crypttab(host: Host, disk: GuestDisk) -> Finding | None:
    """A volume that is closed, or of a machine that does not run, may still be known from crypttab."""
    try:
        table = host.get(Crypttab)
    except (Absent, Unknown):
        return None
    row = table.rows.get((disk.path or "").removeprefix("/dev/mapper/"))
    if row is None:
        return None
    message = f"it is the encrypted volume {row.name} of crypttab"
    return passed(disk.subject, message, table.cite(row), disk.evidence, state=disk.definition.state)


def _beneath(host: Host, images: Images, path: str | None) -> tuple[Device, Evidence] | None:
    """What encrypts the file system that holds an image; devices lie on none."""
    if path is None or path.startswith("/dev/"):
        return None
    stat = images.images[path].stat
    return encrypted_beneath(host, stat.real if isinstance(stat, Stat) else path)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("image-encryption", "install-encrypted-guest"),
    check=check,
)
