"""Encrypted volumes of guests that are off are closed.

An open volume is readable to every root process, and its key lies in the kernel's memory, whether its guest
runs or not. Encryption protects a guest that is off only once the volume is closed. The blueprint closes it
right after `virsh shutdown`, which only asks the guest to stop, and looks with `virsh list`, which shows
neither paused nor saved guests: closing then fails, and stays undone.

Judged: each open dm-crypt mapping that is a disk of a guest: some guest that has it runs. A volume that is not
open is closed. Volumes that hold more than guests' disks, such as the host's own, are not judged.

Fix: `cryptsetup close`, once nothing has the volume open; starting the guest then takes the passphrase again.
libvirt's hook `/etc/libvirt/hooks/qemu` can open at `prepare` and close at `release`.

Proof: after the guest is off, its /dev/mapper entry is gone, and the guest does not start without the
passphrase.
"""

from __future__ import annotations

from collections import defaultdict

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.block import Device
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Safety, Severity, State, Subject


def check(host: Host) -> Findings:
    images = host.get(Images)
    users: dict[str, list[GuestDisk]] = defaultdict(list)
    mappings: dict[str, Device] = {}
    said = False
    for disk in images.disks:
        path = disk.path or ""
        try:
            device = images.device(path) if path.startswith("/dev/") else None
        except Unknown as refused:
            said = True
            yield unknown(disk.subject, str(refused), disk.evidence, state=State.IN_FORCE)
            continue
        if device is not None and device.is_crypt:
            users[device.name].append(disk)
            mappings[device.name] = device
        elif path.startswith("/dev/mapper/") and device is None and images.images[path].missing:
            said = True
            yield passed(disk.subject, f"{path} is not open", disk.evidence, state=State.IN_FORCE)
    for name, device in mappings.items():
        yield from judged(images, device, users[name])
    if not mappings and not said:
        yield notapplicable(Subject("host"), "no guest has an encrypted volume for a disk")
    images.guests.complete()


def judged(images: Images, device: Device, disks: list[GuestDisk]) -> Findings:
    """Whether anybody uses an open volume."""
    subject = Subject("guest", f"{disks[0].guest.name} {device.name}")
    names = ", ".join(sorted({disk.guest.name for disk in disks}))
    cited = (device.evidence, disks[0].evidence)
    if any(disk.guest.running for disk in disks):
        yield passed(subject, f"{device.name} is open for a running guest", *cited, state=State.IN_FORCE)
    elif images.guests.liveness is not None:
        message = f"{device.name} is open; whether {names} runs: {images.guests.liveness}"
        yield unknown(subject, message, *cited, state=State.IN_FORCE)
    else:
        change = Change(Document("mapping", device.name), SetState("closed"), Safety.DISRUPTIVE)
        message = f"{device.name} is open, and {names} does not run"
        yield failed(subject, message, change, evidence=cited, state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("close-encrypted-images", "encrypted-volume-open"),
    check=check,
)
