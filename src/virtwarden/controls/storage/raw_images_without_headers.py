"""No raw image begins with the header of another format.

A raw image is the guest's own: it can write there whatever it likes. The header of a qcow2 image, for instance,
that names `/etc/shadow` or another guest's disk as its backing file. QEMU is told that the image is raw and
takes no notice, but a backup script, a conversion or a curious `qemu-img info` without `-f` follows it, as
root. So such a header is either an attack that waits, or an image whose guest was defined with the wrong
format.

Judged: the first bytes of each image that is said to be raw, or of which nothing is said: no sign of qcow2,
qcow, qed, vmdk, vdi, vhdx, vpc, parallels or bochs.

Fix: a person finds out which of the two it is. Until then no tool may look at the image without being told that
it is raw.

Proof: `qemu-img info -f raw` shows the length of the file, and nothing else.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.facts.images import Images
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Finding, Severity, Subject

HARMLESS = (None, "iso", "luks")


def check(host: Host) -> Findings:
    images = host.get(Images)
    seen: set[tuple[str, str]] = set()
    for disk in images:
        if disk.disk.kind == "dir":
            continue
        named = [] if disk.path is None or disk.format != "raw" else [disk.path]
        below = (link for link in images.chain(disk) if link.format == "raw" and images.is_inside(link))
        named += [link.path for link in below if link.path is not None]
        for path in named:
            if (disk.guest.name, path) not in seen and path in images.images:
                seen.add((disk.guest.name, path))
                yield judged(images, Subject("guest", f"{disk.guest.name} {path}"), path)
        if disk.trouble:
            yield unknown(disk.subject, disk.trouble, disk.evidence)


def judged(images: Images, subject: Subject, path: str) -> Finding:
    """The finding for one raw image."""
    image = images.images[path]
    try:
        content = image.content
        if not isinstance(content, Absent | Unknown):
            found = content.format
        else:
            raise type(content)(str(content))
    except Absent:
        return notapplicable(subject, f"there is no {path}")
    except Unknown as refused:
        return unknown(subject, str(refused))
    if found in HARMLESS:
        return passed(subject, "a raw image without the header of another format", image.cite("no header"))
    steps = (
        f"look at it with qemu-img info -f raw {path} only; if it was made as {found}, say so in the guest's XML, "
        "else treat the guest as taken over and overwrite its first bytes from a rescue system"
    )
    message = f"it is used as raw and begins with the header of {found}"
    cited = image.cite(f"the header of {found}")
    return failed(subject, message, by_hand(Document("file", path), steps), evidence=[cited])


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("securing-storage-devices",),
    check=check,
)
