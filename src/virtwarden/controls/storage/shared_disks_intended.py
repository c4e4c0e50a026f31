"""Only disks that are meant to be shared are written by more than one guest.

Two guests that write to one disk without a file system made for it destroy it within minutes. And they are no
longer apart: a shareable disk is labelled without categories, so that every guest of the host may open it, and
what one guest writes the other reads, or boots.

Judged: the disks that are `<shareable/>`, and those that more than one guest may write to, by any of their
paths, or that lie below another guest's disk, which writing to them destroys; each has to match `shared_disks`
of the policy's `[storage]`.

Fix: give each guest a disk of its own, or name the disk in the policy.

Proof: while the first guest runs, the second does not start.
"""

from __future__ import annotations

from collections import defaultdict

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Disk
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.facts.policy import Policy, matches
from virtwarden.host import Host, Stat
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Safety, Severity, Subject


def check(host: Host) -> Findings:
    images = host.get(Images)
    intended = host.get(Policy).storage.shared_disks
    users = used_by(images)
    judged = False
    for disk in images.disks:
        if disk.trouble:
            yield unknown(disk.subject, disk.trouble, disk.evidence)
        name = disk.path or disk.disk.source or ""
        if not disk.is_written or not name:
            continue
        judged = True
        others = sorted(users[identity(images, disk.path, disk.disk)] - {disk.guest.name})
        state = disk.definition.state
        if not others and not disk.disk.shareable:
            yield passed(disk.subject, f"{name} is its own", disk.evidence, state=state)
        elif matches(name, intended):
            yield passed(disk.subject, f"{name} is meant to be shared", disk.evidence, state=state)
        else:
            what = "is shareable" if disk.disk.shareable else "may be written to"
            message = f"{name} {what}{f'; also used by {_listed(others)}' if others else ''}"
            yield failed(disk.subject, message, fix(disk, others), evidence=[disk.evidence], state=state)
    if not judged:
        yield notapplicable(Subject("host"), "no guest has a disk that it writes to")
    images.guests.complete()


def used_by(images: Images) -> dict[str, set[str]]:
    """The guests that may write to each image, or whose disks lie on it."""
    users: dict[str, set[str]] = defaultdict(set)
    for disk in images.disks:
        if disk.is_written:
            users[identity(images, disk.path, disk.disk)].add(disk.guest.name)
        for link in images.chain(disk):
            users[identity(images, link.path, disk.disk)].add(disk.guest.name)
    return users


def identity(images: Images, path: str | None, disk: Disk) -> str:
    """The same word for the same image, whatever path leads to it."""
    image = images.images.get(path or "")
    if image is not None and isinstance(image.stat, Stat):
        return image.stat.real if image.stat.kind == "block" else image.stat.inode
    return path or f"{disk.protocol}:{disk.pool}:{disk.source}"


def fix(disk: GuestDisk, others: list[str]) -> Change:
    """A disk that nobody else uses need not be shareable."""
    document = Document("domain", disk.guest.name)
    if others:
        steps = (
            f"give {disk.guest.name} a disk of its own, or make the disk <readonly/> in all guests but one, or "
            "name it in storage.shared_disks of the policy"
        )
        return by_hand(document, steps)
    return Change(document, RemoveElement(f"devices/disk[{disk.number}]/shareable"), Safety.DISRUPTIVE)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("securing-storage-devices",),
    check=check,
)
