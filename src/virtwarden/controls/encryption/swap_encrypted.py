"""Swap is encrypted.

The host swaps out guests' memory page by page, with whatever is in it: passwords, keys of encrypted disks, open
documents. What was written to swap stays there after the power is off, beside the encrypted images, until it is
overwritten by chance.

Judged: each area that the kernel swaps to, and each that fstab names: a dm-crypt volume, a device or file on
one, or compressed memory (zram). A host without swap passes. The policy's `require_swap` can turn this off.

Fix: a line in crypttab that opens the device with a new random key at each boot, and its /dev/mapper name in
fstab. A host that hibernates needs a key that lasts.

Proof: `lsblk` shows the swap area below a device of type crypt, and the disk below it holds no page of text.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.facts.atrest import encrypted_beneath
from virtwarden.facts.block import BlockDevices
from virtwarden.facts.crypttab import PATH, Crypttab
from virtwarden.facts.policy import Policy
from virtwarden.facts.swap import Swap, SwapArea
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Evidence, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    swap = host.get(Swap)
    if not host.get(Policy).encryption.require_swap:
        yield notapplicable(Subject("swap"), "the policy does not ask for it")
        return
    sides = ((State.ON_DISK, swap.configured, swap.nothing[1]), (State.IN_FORCE, swap.live, swap.nothing[0]))
    for state, areas, nothing in sides:
        if isinstance(areas, Unknown):
            yield unknown(Subject("swap"), str(areas), *areas.evidence, state=state)
        elif not areas:
            yield passed(Subject("swap"), "there is no swap", nothing, state=state)
        else:
            for area in areas:
                yield judged(host, area, state)


def judged(host: Host, area: SwapArea, state: State) -> Finding:
    """The finding for one area."""
    subject = Subject("swap", area.path)
    if area.path.startswith(("/dev/zram", "/dev/ram")):
        return passed(subject, "stays in memory", area.evidence, state=state)
    try:
        by = _by(host, area)
    except (Absent, Unknown) as refused:
        return unknown(subject, str(refused), area.evidence, *refused.evidence, state=state)
    if by is not None:
        return passed(subject, by[0], area.evidence, by[1], state=state)
    node = _node(host, area)
    steps = (
        f"swapoff {node}; {PATH}: cryptswap {node} /dev/urandom swap,cipher=aes-xts-plain64,size=512; "
        "in /etc/fstab in its place: /dev/mapper/cryptswap none swap sw 0 0"
    )
    if area.is_file:
        steps = f"swapoff {area.path} and remove it; swap to an encrypted volume or to zram"
    change = by_hand(Document("file", "/etc/fstab"), steps)
    return failed(subject, "is not encrypted", change, evidence=[area.evidence], state=state)


def _node(host: Host, area: SwapArea) -> str:
    """The area's path, one that it has after the next boot too where there is one."""
    device = None if area.is_file else host.get(BlockDevices).named(area.path)
    return area.path if device is None else device.lasting_path


def _by(host: Host, area: SwapArea) -> tuple[str, Evidence] | None:
    """What encrypts an area, in words; None where nothing does."""
    if area.is_file:
        found = encrypted_beneath(host, area.path)
        return None if found is None else (f"lies on the encrypted volume {found[0]}", found[1])
    row = _row(host, area.path)
    if row is not None:
        return row
    devices = host.get(BlockDevices)
    device = devices.named(area.path)
    if device is None:
        raise Unknown(f"there is no {area.path} now")
    mapping = devices.encrypted_by(device)
    return None if mapping is None else (f"is on the encrypted volume {mapping}", mapping.evidence)


def _row(host: Host, path: str) -> tuple[str, Evidence] | None:
    try:
        table = host.get(Crypttab)
    except (Absent, Unknown):
        return None
    row = table.rows.get(path.removeprefix("/dev/mapper/"))
    return None if row is None else (f"is the volume {row.name} of crypttab", table.cite(row))


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("image-encryption",),
    check=check,
)
