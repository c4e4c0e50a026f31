"""Whether what lies at a path is unreadable to whoever carries the disks away."""

from __future__ import annotations

from virtwarden.facts.block import BlockDevices, Device
from virtwarden.facts.mounts import Mounts, is_network
from virtwarden.host import Absent, Host, Unknown
from virtwarden.model import Evidence

_NOWHERE = ("tmpfs", "ramfs")


def encrypted_beneath(host: Host, path: str) -> tuple[Device, Evidence] | None:
    """The open encrypted volume whose file system holds a path; None where the data lie in the clear.

    Raises `Unknown` where that cannot be told.
    """
    mount, evidence = host.get(Mounts).holding(path)
    if is_network(mount.kind) or mount.kind in _NOWHERE:
        return None
    try:
        devices = host.get(BlockDevices)
    except (Absent, Unknown) as refused:
        raise Unknown(f"whether {mount.source} is encrypted: {refused}", evidence) from None
    device = devices.named(mount.source)
    if device is None:
        raise Unknown(f"whether {mount.source} ({mount.kind}) is encrypted", evidence)
    found = devices.encrypted_by(device)
    return None if found is None else (found, evidence)
