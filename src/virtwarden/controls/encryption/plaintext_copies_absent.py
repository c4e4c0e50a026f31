"""No unencrypted copy of an encrypted guest is left.

The blueprint copies a guest's image to an encrypted volume and points the guest at it. The image it copied from
stays where it was, with all of the guest's data in the clear: whoever carries the host's disks away needs no
passphrase. The same holds for a saved guest, a memory dump or the disk of an old snapshot.

Judged: for each guest whose disks are encrypted on their own: files in the directories of images, and logical
volumes, that bear the guest's name or that of one of its disks, that no guest uses, and that are not encrypted
themselves; disks that its snapshots remember; its saved memory.

Fix: a person makes sure that the encrypted guest is complete, then destroys the copy. On a hard disk it is
overwritten; on flash, copy-on-write and network storage overwriting proves nothing, so that only the end of the
medium or its own key does.

Proof: a mark that was written inside the guest is found nowhere on the host's disks while the volume is closed.
"""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.contents import Content, Image
from virtwarden.facts.diskprotection import DiskProtection, protection_of
from virtwarden.facts.images import Images
from virtwarden.facts.leftovers import Leftovers
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Evidence, Finding, Severity, Subject

LEAST = 1 << 20
ENCRYPTED_ENDINGS = (".gpg", ".age", ".asc", ".iso", ".luks-header")


def check(host: Host) -> Findings:
    images = host.get(Images)
    encrypted: dict[str, DiskProtection] = {}
    doubtful: set[str] = set()
    for disk in images.disks:
        if disk.is_removable:
            continue
        try:
            how = protection_of(images, disk)
        except Unknown as refused:
            if disk.guest.name not in doubtful:
                doubtful.add(disk.guest.name)
                yield unknown(disk.subject, str(refused), disk.evidence)
            continue
        if how is not None and not how.shared:
            encrypted.setdefault(disk.guest.name, how)
    yield from judged(host, images, encrypted)
    if not encrypted and not doubtful:
        yield notapplicable(Subject("host"), "no guest has an encrypted disk of its own")
    images.guests.complete()


def judged(host: Host, images: Images, encrypted: dict[str, DiskProtection]) -> Findings:
    """What is found of each encrypted guest; one pass for those of which nothing is."""
    if not encrypted:
        return
    found: set[str] = set()
    for guest, finding in (*strays(images, encrypted), *remembered(host, images, encrypted)):
        found.add(guest)
        yield finding
    unseen = _unseen(host, images)
    for guest, how in encrypted.items():
        if guest in found:
            continue
        if unseen is None:
            yield passed(Subject("guest", guest), f"{how.how}; no other copy was found", how.evidence)
        else:
            yield unknown(Subject("guest", guest), f"whether copies lie around: {unseen}", how.evidence)


def _unseen(host: Host, images: Images) -> str | None:
    """Why there may be copies that were not seen; None where all was looked at."""
    if images.unlisted:
        return next(iter(images.unlisted.values()))
    unread = host.get(Leftovers).unread
    return unread[0].text if unread else None


def strays(images: Images, encrypted: dict[str, DiskProtection]) -> Iterator[tuple[str, Finding]]:
    """What lies around and bears an encrypted guest's name."""
    for path, guest in images.strays.items():
        if guest not in encrypted or path.endswith(ENCRYPTED_ENDINGS):
            continue
        image = images.images.get(path)
        if image is None or (isinstance(image.stat, Stat) and image.stat.kind == "dir"):
            continue
        refused = _refusal(image)
        if refused is not None:
            yield guest, _doubt(guest, path, refused, image)
        elif is_plain(image):
            yield guest, _failure(guest, path, "is not encrypted", image.cite("no LUKS header"))


def _refusal(image: Image) -> Unknown | None:
    return next((answer for answer in (image.stat, image.content) if isinstance(answer, Unknown)), None)


def _doubt(guest: str, path: str, refused: Unknown, image: Image) -> Finding:
    message = f"whether it is a copy in the clear: {refused}"
    return unknown(Subject("guest", f"{guest} {path}"), message, image.cite("not read"))


def is_plain(image: Image) -> bool:
    """Whether a file looks like an image, and not like an encrypted one."""
    content = image.content
    if not isinstance(content, Content) or not isinstance(image.stat, Stat):
        return False
    if content.luks is not None or content.format == "luks":
        return False
    if content.qcow2 is not None and content.qcow2.encryption == "luks":
        return False
    return image.stat.kind == "block" or content.format is not None or image.stat.size >= LEAST


def remembered(host: Host, images: Images, encrypted: dict[str, DiskProtection]) -> Iterator[tuple[str, Finding]]:
    """What libvirt keeps of the guests besides their disks."""
    left = host.get(Leftovers)
    for item in left.memory:
        if item.guest in encrypted and not isinstance(item.stat, Absent):
            yield item.guest, _failure(item.guest, item.path, f"is a {item.what} in the clear", item.evidence)
    used = {disk.path for disk in images.disks}
    for guest in encrypted:
        for path in dict.fromkeys(left.former.get(guest, ())):
            image = images.images.get(path)
            if path in used or image is None:
                continue
            refused = _refusal(image)
            if refused is not None:
                yield guest, _doubt(guest, path, refused, image)
            elif is_plain(image):
                evidence = image.cite("a disk of a snapshot")
                yield guest, _failure(guest, path, "is a disk of an old snapshot and not encrypted", evidence)


def _failure(guest: str, path: str, what: str, evidence: Evidence) -> Finding:
    steps = (
        f"make sure that {guest} starts and has all of its data, then destroy {path}: shred -u on a hard disk, "
        "blkdiscard for a logical volume on flash, else the key or the end of the medium it lies on"
    )
    change = by_hand(Document("file", path), steps)
    return failed(Subject("guest", f"{guest} {path}"), f"{path} {what}", change, evidence=[evidence])


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("encrypt-existing-guest",),
    check=check,
)
