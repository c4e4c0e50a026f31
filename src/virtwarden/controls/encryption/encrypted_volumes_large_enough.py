"""Encrypted volumes are as large as the disks that were copied onto them.

A LUKS header takes room from the volume, 16 MiB with LUKS2 and less with LUKS1. A logical volume that is
exactly as large as the image therefore cannot hold it, and the blueprint's own example is one: 10 GiB of image
onto a volume of 10 GiB. The copy ends early, the guest boots all the same, and the end of its last file system
is gone when it is first needed. The unencrypted original is then the only whole copy, so that nobody dares to
delete it.

Judged: each open volume that is a disk of a guest: the size that the partition table on it claims, or that of
the image in it, is no more than the volume has; so is the size of any image that is left of the guest beside
it.

Fix: extend the logical volume, then `cryptsetup resize`, and copy again.

Proof: `qemu-img compare` of the image and the volume finds them equal over the image's whole size.
"""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.block import Device
from virtwarden.facts.contents import Content, Image
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Evidence, Severity, Subject

RAW = (".img", ".raw", ".image", ".disk")
LEAST = 1 << 20


def check(host: Host) -> Findings:
    images = host.get(Images)
    seen: set[tuple[str, str]] = set()
    said = False
    for disk in images.disks:
        if disk.path is None or not disk.path.startswith("/dev/") or (disk.guest.name, disk.path) in seen:
            continue
        seen.add((disk.guest.name, disk.path))
        try:
            device = images.device(disk.path)
        except Unknown as refused:
            said = True
            yield unknown(disk.subject, str(refused), disk.evidence)
            continue
        if device is not None and device.is_crypt:
            said = True
            yield from judged(images, disk, device, images.images[disk.path])
    if not said:
        yield notapplicable(Subject("host"), "no guest has an open encrypted volume for a disk")
    images.guests.complete()


def judged(images: Images, disk: GuestDisk, device: Device, image: Image) -> Findings:
    """Whether one volume holds what should be on it."""
    subject = Subject("guest", f"{disk.guest.name} {device.name}")
    sizes: list[tuple[int, str, Evidence]] = []
    try:
        sizes += _claimed(image)
    except (Absent, Unknown) as refused:
        yield unknown(subject, f"what lies on {device.name}: {refused}", disk.evidence)
    beside = list(_beside(images, disk))
    unseen = _unseen(images, beside)
    sizes += (sized for other in beside if (sized := _sized(other)) is not None)
    if not sizes and unseen is None and isinstance(image.content, Content):
        yield notapplicable(subject, f"nothing tells how large the disk on {device.name} should be", disk.evidence)
    short = [item for item in sizes if item[0] > device.size]
    for size, what, evidence in short:
        steps = (
            f"lvextend -L +{_mib(size - device.size) + 16}M the logical volume below {device.name}, "
            f"cryptsetup resize {device.name}, then copy the original again and compare with qemu-img compare"
        )
        message = f"{device.name} has {device.size} bytes, and {what} {size}"
        change = by_hand(Document("mapping", device.name), steps)
        yield failed(subject, message, change, evidence=[device.evidence, evidence])
    if unseen is not None and not short:
        yield unknown(
            subject, f"whether an image is left that {device.name} is too small for: {unseen}", disk.evidence
        )
    elif sizes and not short:
        size, what, evidence = max(sizes, key=lambda item: item[0])
        yield passed(
            subject, f"{device.name} has {device.size} bytes, and {what} {size}", device.evidence, evidence
        )


def _claimed(image: Image) -> Iterator[tuple[int, str, Evidence]]:
    content = image.header()
    if content.qcow2 is not None:
        yield content.qcow2.size, "the image in it may grow to", image.cite(f"{content.qcow2.size} bytes")
    elif content.extent is not None:
        yield (
            content.extent,
            "its partition table wants",
            image.cite(f"a partition table for {content.extent} bytes"),
        )


def _beside(images: Images, disk: GuestDisk) -> Iterator[Image]:
    """The files that bear the guest's name and that no guest uses, if it has one disk alone to hold them."""
    own = {other.path for other in images.disks if other.guest is disk.guest and other.is_written}
    if len(own) == 1:
        yield from (
            images.images[path]
            for path, guest in images.strays.items()
            if guest == disk.guest.name and path in images.images
        )


def _unseen(images: Images, beside: list[Image]) -> str | None:
    """Why there may be more than was seen; None where all was."""
    answers = (answer for image in beside if not _is_directory(image) for answer in (image.stat, image.content))
    refused = next((str(answer) for answer in answers if isinstance(answer, Unknown)), None)
    return refused or next(iter(images.unlisted.values()), None)


def _is_directory(image: Image) -> bool:
    return isinstance(image.stat, Stat) and image.stat.kind == "dir"


def _sized(image: Image) -> tuple[int, str, Evidence] | None:
    size = _size_of(image, image.content) if isinstance(image.content, Content) else None
    return None if size is None else (size, f"{image.path} holds", image.cite(f"an image of {size} bytes"))


def _size_of(image: Image, content: Content) -> int | None:
    """How large the disk in an image is; None where it does not look like one. A raw image has no sign of its
    own: a partition table tells it, or its name and that it is large enough for a file system."""
    if content.qcow2 is not None:
        return content.qcow2.size
    if not isinstance(image.stat, Stat) or image.stat.kind != "file" or content.format is not None:
        return None
    is_named = image.path.endswith(RAW) and image.stat.size >= LEAST
    return image.stat.size if is_named or content.extent is not None else None


def _mib(size: int) -> int:
    return -(-size // (1 << 20))


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("encrypted-volume", "encrypt-existing-guest"),
    check=check,
)
