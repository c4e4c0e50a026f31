"""No disk uses the encryption that came with the first qcow2 images.

It is AES-128 in CBC mode with the sector's number for an initialization vector and the passphrase itself, cut
to 16 characters, for a key: nothing slows an attempt down, and whoever can write to the guest finds its data
again in the image by their pattern. QEMU no longer runs guests with it, so that such a guest is both unsafe and
lost at the next upgrade.

Judged: `format` of each disk's `<encryption>`, on disk and in force, which must not be `qcow` or `default`; the
encryption method in the header of each qcow2 image of the guests' chains, which must not be AES.

Fix: convert the image to LUKS with `qemu-img convert` of a QEMU that still reads it; a person does this.

Proof: `qemu-img info -f qcow2` on the image says LUKS.
"""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.contents import Content
from virtwarden.facts.guestdisks import GuestDisk
from virtwarden.facts.images import Images
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Finding, Severity, Subject

LEGACY = ("qcow", "default")
CHAINED = ("qcow2", "qcow", None)


def check(host: Host) -> Findings:
    images = host.get(Images)
    for disk in images.disks:
        yield from judged(images, disk)
    if not images.disks:
        yield notapplicable(Subject("host"), "no guest has a disk")
    images.guests.complete()


def judged(images: Images, disk: GuestDisk) -> Findings:
    """The findings for one disk with all that lies below it."""
    state = disk.definition.state
    found = [*_headers(images, disk)]
    if disk.disk.encryption in LEGACY:
        message = f"its encryption is {disk.disk.encryption}: AES-CBC without key derivation"
        found.append(failed(disk.subject, message, _fix(disk, disk.path), evidence=[disk.evidence], state=state))
    if not found:
        message = (
            f"its encryption is {disk.disk.encryption}" if disk.disk.encryption else "it has none of the old kind"
        )
        found.append(passed(disk.subject, message, disk.evidence, state=state))
    yield from found


def _headers(images: Images, disk: GuestDisk) -> Iterator[Finding]:
    layers = [(disk.path, disk.format), *((link.path, link.format) for link in images.chain(disk))]
    for path, declared in layers:
        image = images.images.get(path or "")
        if image is None or declared not in CHAINED:
            continue
        content = image.content
        if isinstance(content, Unknown):
            yield unknown(
                disk.subject, f"the header of {path}: {content}", disk.evidence, state=disk.definition.state
            )
        elif isinstance(content, Content) and content.qcow2 is not None and content.qcow2.encryption == "aes":
            message = f"{path} is encrypted with AES-CBC without key derivation"
            evidence = [image.cite("encryption method 1, AES")]
            state = disk.definition.state
            yield failed(disk.subject, message, _fix(disk, path), evidence=evidence, state=state)


def _fix(disk: GuestDisk, path: str | None) -> Change:
    name = path or disk.disk.source
    steps = (
        f"with {disk.guest.name} off, qemu-img convert {name} to a new image with encrypt.format=luks, define a "
        "new secret for it, and name both in the guest's XML"
    )
    return by_hand(Document("domain", disk.guest.name), steps)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("image-encryption",),
    check=check,
)
