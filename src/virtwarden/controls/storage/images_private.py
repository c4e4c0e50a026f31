"""Files that hold guests' data can be read and written by their owner alone.

An image is a whole computer: file systems, passwords, keys. Who may read it has all of that without the guest
noticing, and who may write it owns the guest at its next start. libvirt makes images with mode 0600; files that
were made by hand or copied are often 0644, and so are the overlays that libvirt before 11.10 makes when it
takes an external snapshot of a guest that is off (CVE-2025-13193). A closed directory around them helps only
until the file is moved, linked or backed up.

Judged: mode of every disk image with all that lies below it, of firmware variables, TPM state, saved guests and
memory dumps; what an image names outside the directories of images is not taken for one. Group and others may
have no permission; for device nodes only others are judged, because the group `disk` is as good as root.
Installation media larger than 16 MiB may be read by all, as their data come from outside; smaller media often
carry a first password.

Fix: take the permissions of group and others away. Running guests are not disturbed: QEMU is the owner while
they run.

Proof: an ordinary user of the host opens the image and is refused; QEMU's user opens it.
"""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetMode
from virtwarden.facts.contents import Image
from virtwarden.facts.guestdisks import nvram_of
from virtwarden.facts.images import Images
from virtwarden.facts.leftovers import Leftovers
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Finding, Severity, Subject

SMALL_MEDIUM = 16 << 20
READ = 0o055


def check(host: Host) -> Findings:
    images = host.get(Images)
    seen: set[tuple[str, str]] = set()
    for disk in images.disks:
        paths = [] if disk.path is None else [disk.path]
        paths += [link.path for link in images.chain(disk) if link.path is not None and images.is_inside(link)]
        if disk.trouble:
            yield unknown(disk.subject, disk.trouble, disk.evidence)
        for path in paths:
            if (disk.guest.name, path) not in seen:
                seen.add((disk.guest.name, path))
                allowed = READ if disk.is_removable and not disk.is_written else 0
                yield from judged(images.images.get(path), disk.guest.name, path, allowed)
    for guest in images.guests.guests:
        for path in dict.fromkeys(nvram_of(guest)):
            seen.add((guest.name, path))
            yield from judged(images.images.get(path), guest.name, path, 0)
    yield from leftovers(host.get(Leftovers), {path for _, path in seen})
    images.guests.complete()


def judged(image: Image | None, guest: str, path: str, allowed: int) -> Iterator[Finding]:
    """The finding for one file of a guest; `allowed` are permissions of others that do no harm to a large one."""
    subject = Subject("guest", f"{guest} {path}")
    if image is None:
        yield unknown(subject, f"{path} was not looked at: too many images lie on one another")
        return
    try:
        yield of_mode(subject, image.entry(), allowed, image)
    except Absent:
        yield notapplicable(subject, f"there is no {path}")
    except Unknown as refused:
        yield unknown(subject, str(refused), *refused.evidence)


def of_mode(subject: Subject, stat: Stat, allowed: int, image: Image | None = None) -> Finding:
    """Whether the mode of a file keeps everybody but its owner out."""
    forbidden = 0o007 if stat.kind in ("block", "char") else 0o077
    if stat.size >= SMALL_MEDIUM:
        forbidden &= ~allowed
    if not stat.mode & forbidden:
        return passed(subject, f"mode {stat.mode:04o}, owner {stat.owner}", stat.cite())
    what = "others" if stat.mode & 0o007 & forbidden else f"group {stat.group}"
    may = "write" if stat.mode & forbidden & 0o022 else "read"
    message = f"mode {stat.mode:04o}: {what} may {may} it{_overlay(image, stat)}"
    wanted = SetMode(mode=stat.mode & ~forbidden & ~(0o111 if stat.kind == "file" else 0))
    return failed(subject, message, file_change(stat.path, wanted), evidence=[stat.cite()])


def _overlay(image: Image | None, stat: Stat) -> str:
    content = None if image is None else image.content
    header = getattr(content, "qcow2", None)
    if header is not None and header.backing and stat.mode & 0o777 == 0o644:
        return "; an overlay as libvirt before 11.10 makes it for a guest that is off (CVE-2025-13193)"
    return ""


def leftovers(left: Leftovers, seen: set[str]) -> Findings:
    """Saved guests, dumps, and state that no guest's XML names."""
    for item in (*left.memory, *left.state):
        if item.path in seen:
            continue
        subject = Subject("guest", f"{item.guest} {item.path}") if item.guest else Subject("file", item.path)
        if isinstance(item.stat, Stat):
            yield of_mode(subject, item.stat, 0)
        elif isinstance(item.stat, Unknown):
            yield unknown(subject, str(item.stat))
    for evidence in left.unread:
        yield unknown(Subject("file", evidence.path or ""), evidence.text, evidence)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("securing-storage-devices", "default-image-location"),
    check=check,
)
