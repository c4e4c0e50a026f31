"""No directory is exported over NFS to clients whose root is root here.

With `no_root_squash` the administrator of each client, and whoever takes his place there or forges his address,
reads and replaces every file of the export whatever its mode: the disks of all guests where images lie below it.
The option is often set so that libvirt on another host can give images to its guests' user; giving that user the
same number on all hosts does the same.

Judged: each client of each line in /etc/exports and /etc/exports.d. A client without options has its root
squashed; who is squashed to uid 0 (`anonuid=0`) stays root. It tells whether images of guests lie below the
export.

Fix: `root_squash`, the same uid for QEMU's user on all hosts, `sec=krb5p` or a network for storage alone.

Proof: root of a client cannot read an image with mode 0600 of another owner.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.facts.exports import Exports
from virtwarden.facts.images import Images
from virtwarden.formats.exports import Export
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import HOST, Document, Severity, State, Subject

STEPS = (
    "put root_squash in place of no_root_squash, take anonuid=0 out, give QEMU's user one uid on all hosts that "
    "mount it, then exportfs -ra"
)


def check(host: Host) -> Findings:
    found = host.get(Exports)
    if not found.exports:
        yield notapplicable(HOST, "the host exports nothing over NFS", *found.looked_at, state=State.ON_DISK)
        return
    directories = directories_of_images(host)
    for text, export in found.exports:
        subject = Subject("export", f"{export.path} to {export.client}")
        cited = text.cite(export.line)
        if export.squashes_root:
            yield passed(subject, "root of the client is nobody here", cited, state=State.ON_DISK)
            continue
        may = "reads and writes" if export.is_writable else "reads"
        message = f"root of the client {may} it as root{below(export, directories)}"
        fix = by_hand(Document("file", text.path), STEPS)
        yield failed(subject, message, fix, evidence=[cited], state=State.ON_DISK)


def directories_of_images(host: Host) -> list[str]:
    """The directories with images, as far as they are known."""
    try:
        listed = host.get(Images).directories
    except (Absent, Unknown):
        return []
    return [path for path, stat in listed.items() if isinstance(stat, Stat)]


def below(export: Export, directories: list[str]) -> str:
    """That images lie below an export, in words; empty where none is known to."""
    root = export.path.rstrip("/")
    inside = [path for path in directories if f"{path}/".startswith(f"{root}/")]
    return f"; images of guests are in {inside[0]}" if inside else ""


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("nfs-image-location",),
    check=check,
)
