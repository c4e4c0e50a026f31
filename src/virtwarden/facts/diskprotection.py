"""What keeps a guest's disk unreadable while nobody uses it."""

from __future__ import annotations

from dataclasses import dataclass

from virtwarden.facts.block import BlockDevices, Device
from virtwarden.facts.contents import Content
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.facts.imagesearch import stem_of
from virtwarden.host import Unknown
from virtwarden.model import Evidence

_LUKS = ("luks", "luks2", "luks-any")


@dataclass(frozen=True, slots=True)
class DiskProtection:
    """How a disk is encrypted, in words, and `mapping`, the open side of its volume where the kernel does it.
    It is `shared` where more lies on that volume than this disk."""

    how: str
    evidence: Evidence
    mapping: Device | None = None
    shared: bool = False


def protection_of(images: Images, disk: GuestDisk) -> DiskProtection | None:
    """How a disk is encrypted on its own; None where it is not. What lies below its file system does not count.

    Raises `Unknown` where that cannot be told.
    """
    if disk.disk.encryption in _LUKS:
        return DiskProtection("QEMU encrypts it with LUKS", disk.evidence)
    if disk.trouble:
        raise Unknown(disk.trouble, disk.evidence)
    if disk.path is None:
        return None
    if disk.path.startswith("/dev/") or not images.images[disk.path].missing:
        by_kernel = _by_kernel(images, disk, disk.path)
        if by_kernel is not None:
            return by_kernel
    image = images.images[disk.path]
    if disk.format == "qcow2" and isinstance(image.content, Content) and image.content.qcow2 is not None:
        kind = image.content.qcow2.encryption
        return DiskProtection("its qcow2 header says LUKS", image.cite("LUKS")) if kind == "luks" else None
    return None


def _by_kernel(images: Images, disk: GuestDisk, path: str) -> DiskProtection | None:
    device = images.device(path)
    if device is None:
        return _closed(images, disk, path) if path.startswith("/dev/") else None
    assert isinstance(images.devices, BlockDevices)
    mapping = images.devices.encrypted_by(device)
    if mapping is None:
        return None
    how = f"it lies on the encrypted volume {mapping}"
    return DiskProtection(how, mapping.evidence, mapping, mapping is not device)


def _closed(images: Images, disk: GuestDisk, path: str) -> DiskProtection:
    """How a disk is encrypted whose node is not there: a volume that bears its name shows that it is closed."""
    wanted = stem_of(path.rpartition("/")[2])
    for kernel, image in images.volumes.items():
        if not isinstance(image.content, Content) or image.content.luks is None:
            continue
        assert isinstance(images.devices, BlockDevices)
        device = images.devices.devices[kernel]
        if wanted in (stem_of(device.logical_volume or ""), stem_of(image.content.luks.label)):
            return DiskProtection(f"it is the closed encrypted volume {device}", image.cite("a LUKS header"))
    raise Unknown(f"whether {path} is encrypted: it is not there", disk.evidence)
