"""Images lie only on images in places for images, in formats that are said.

A qcow2 image names the file it lies on in its own header. QEMU opens what is named there with the rights it has
for the guest, and libvirt labels it for the guest to read. An image from a stranger, or one that was forged,
thus brings any file of the host into a guest, and a name such as `json:` or `nbd:` makes the host connect
elsewhere. Where the format of the lower image is not said, whoever wrote its first bytes decides how it is
read.

Judged: the headers of all qcow and qcow2 images of guests, level by level: each backing file and data file lies
beneath a directory that the policy names, a pool's target, or the directory of the image that names it; it is
not reached by a protocol; its format is declared; none lies on itself. Other formats that can name further
files and whose headers are not read are unknown.

Fix: a person makes the image anew or rebases it with the format stated, while its guest is off.

Proof: `qemu-img info --backing-chain -f qcow2 -U` names only files in those places.
"""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.contents import Image
from virtwarden.facts.guestdisks import GuestDisk, Link
from virtwarden.facts.images import Images
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Evidence, Finding, Severity, Subject

FOREIGN = ("vmdk", "vhdx", "vpc", "vdi", "qed", "parallels", "dmg", "cow", "cloop", "bochs")


def check(host: Host) -> Findings:
    images = host.get(Images)
    seen: set[tuple[str, str, str]] = set()
    for disk in images:
        if disk.path is None:
            if disk.trouble:
                yield unknown(disk.subject, disk.trouble, disk.evidence)
            continue
        if (disk.guest.name, disk.path, disk.format) in seen or disk.disk.kind == "dir":
            continue
        seen.add((disk.guest.name, disk.path, disk.format))
        yield from judged(images, disk, disk.path)


def judged(images: Images, disk: GuestDisk, path: str) -> Findings:
    """What is wrong with the chain below a disk; one pass where nothing is."""
    subject = Subject("guest", f"{disk.guest.name} {path}")
    found = [*_unread(images, disk, path, subject)]
    trail = {path}
    for link in images.chain(disk):
        wrong = trouble(images, link)
        if link.path in trail:
            wrong.append("it lies on itself")
        if link.path is not None:
            trail.add(link.path)
        if wrong:
            found.append(_failure(images, disk, subject, link, wrong))
        found.extend(_lower(images, link, subject))
    if found:
        yield from found
    elif len(trail) > 1:
        yield passed(
            subject, f"lies on {', '.join(sorted(trail - {path}))}", images.images[path].cite("its header")
        )
    else:
        yield passed(subject, "lies on no other image", images.images[path].cite(f"read as {disk.format}"))


def trouble(images: Images, link: Link) -> list[str]:
    """What is wrong with one step of a chain."""
    if link.path is None:
        return ["it is reached by a protocol"]
    wrong: list[str] = []
    if not images.is_inside(link):
        wrong.append("it is outside the directories of images")
    if link.format is None:
        wrong.append("its format is not said")
    return wrong


def _failure(images: Images, disk: GuestDisk, subject: Subject, link: Link, wrong: list[str]) -> Finding:
    by = link.by
    shown = link.reference if len(link.reference) <= 200 else f"{link.reference[:200]}…"
    steps = (
        f"guest off, qemu-img rebase -u -F FORMAT -b PATH {by} where the name is right and the format "
        "is missing; where the name is not yours, do not start the guest and make the image anew"
    )
    message = f"{link.part} {shown} of {by}: {' and '.join(wrong)}"
    cited = disk.evidence if link.part == "backing store" else images.images[by].cite(shown)
    return failed(subject, message, by_hand(Document("file", by), steps), evidence=[cited])


def _unread(images: Images, disk: GuestDisk, path: str, subject: Subject) -> Iterator[Finding]:
    """Why the header of the disk's own image tells nothing, if it does not."""
    if disk.format in FOREIGN:
        yield unknown(
            subject, f"a {disk.format} image can lie on others, and its header is not read", disk.evidence
        )
    elif disk.format in ("qcow2", "qcow"):
        yield from _header(images.images[path], subject, disk.evidence)


def _lower(images: Images, link: Link, subject: Subject) -> Iterator[Finding]:
    """The same for an image further down."""
    if link.path is None or link.part == "data file" or link.format not in ("qcow2", "qcow"):
        return
    image = images.images.get(link.path)
    if image is None:
        yield unknown(subject, f"{link.path} was not read: too many images lie on one another")
    else:
        yield from _header(image, subject, image.cite("not read"))


def _header(image: Image, subject: Subject, evidence: Evidence) -> Iterator[Finding]:
    try:
        header = image.header().qcow2
    except Absent:
        yield notapplicable(subject, f"there is no {image.path}")
        return
    except Unknown as refused:
        yield unknown(subject, str(refused), *refused.evidence)
        return
    if header is None:
        yield unknown(subject, f"{image.path} has no header of qcow2, as which it is used", evidence)
    elif header.has_data_file and not header.data_file:
        yield unknown(subject, f"{image.path} keeps its data in a file that its header does not name", evidence)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("securing-storage-devices",),
    check=check,
)
