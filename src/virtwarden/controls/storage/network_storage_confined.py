"""Images on network storage keep guests apart, and SELinux opens only the kinds of storage that are used.

The blueprint has `virt_use_nfs` turned on to keep libvirt from relabelling, and says that NFS has no labels.
Neither is so: libvirt tries, is told that labels are not supported, and goes on; the boolean lets every guest
of the host read and write every file of that kind. Where files have no labels of their own two guests on the
same export are kept apart by ordinary permissions alone. NFS 4.2 carries labels where the server exports them.
And what comes from a server may hold setuid programs and device nodes, which the host must not honour.

Judged: the mount that holds each disk of each guest, where it is NFS, CIFS, a cluster or a FUSE file system:
options nosuid, nodev and noexec; on SELinux hosts also that it has labels (`seclabel`) where more than one
guest uses it; `virt_use_nfs`, `virt_use_samba` and `virt_use_fusefs`, which have to be on where storage without
labels is used and off where none is, on disk and in force.

Fix: the booleans by `setsebool -P`; mount options in fstab, which a remount takes; labels by NFS 4.2 with
`security_label` on the server.

Proof: a process with one guest's label opens another guest's image on that storage and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.contents import Image
from virtwarden.facts.images import Images
from virtwarden.facts.mounts import Mounts, is_network
from virtwarden.facts.selinux import Selinux
from virtwarden.formats.columns import Mount
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Evidence, Finding, Severity, State, Subject

BOOLEANS = {
    "virt_use_nfs": ("nfs", "nfs4"),
    "virt_use_samba": ("cifs", "smb3", "smbfs"),
    "virt_use_fusefs": ("fuse", "glusterfs"),
}
WANTED = ("nosuid", "nodev", "noexec")


@dataclass(frozen=True, slots=True)
class Used:
    """A network file system and the guests with disks on it."""

    mount: Mount
    evidence: Evidence
    guests: set[str] = field(default_factory=set)

    @property
    def labelled(self) -> bool:
        """Whether its files have labels of their own."""
        return "seclabel" in self.mount.options


def check(host: Host) -> Findings:
    images = host.get(Images)
    used: dict[str, Used] = {}
    refusal = _gather(host, images, used)
    if refusal is not None:
        yield unknown(Subject("storage"), str(refusal), *refusal.evidence, state=State.IN_FORCE)
    selinux = _selinux(host)
    for use in used.values():
        yield from options(use)
        if isinstance(selinux, Selinux) and selinux.is_in_use:
            yield labels(use)
    if isinstance(selinux, Unknown):
        yield unknown(Subject("SELinux"), str(selinux), *selinux.evidence)
    elif isinstance(selinux, Selinux) and refusal is None:
        yield from booleans(selinux, list(used.values()))
    elif not used and refusal is None:
        yield notapplicable(Subject("host"), "no guest has a disk on network storage")
    images.guests.complete()


def _gather(host: Host, images: Images, used: dict[str, Used]) -> Unknown | None:
    """Which network file systems hold disks; what cannot be told of one is returned."""
    mounts = host.get(Mounts)
    refusal: Unknown | None = None
    for disk in images.disks:
        if disk.path is None or disk.path.startswith("/dev/"):
            continue
        try:
            mount, evidence = mounts.holding(_real(images.images.get(disk.path), disk.path))
        except Unknown as refused:
            refusal = refused
            continue
        if is_network(mount.kind):
            used.setdefault(mount.target, Used(mount, evidence)).guests.add(disk.guest.name)
    return refusal


def _real(image: Image | None, path: str) -> str:
    return image.stat.real if image is not None and isinstance(image.stat, Stat) else path


def _selinux(host: Host) -> Selinux | Absent | Unknown:
    try:
        return host.get(Selinux)
    except (Absent, Unknown) as refused:
        return refused


def options(use: Used) -> Findings:
    """The mount's options."""
    missing = [option for option in WANTED if option not in use.mount.options]
    subject = Subject("mount", use.mount.target)
    if not missing:
        yield passed(subject, f"{use.mount.kind} with {', '.join(WANTED)}", use.evidence, state=State.IN_FORCE)
        return
    listed = ",".join(missing)
    steps = f"add {listed} to the options of {use.mount.target} in /etc/fstab, then mount -o remount,{listed} it"
    change = by_hand(Document("file", "/etc/fstab"), steps)
    message = f"{use.mount.kind} without {' and '.join(missing)}"
    yield failed(subject, message, change, evidence=[use.evidence], state=State.IN_FORCE)


def labels(use: Used) -> Finding:
    """Whether SELinux can tell the guests' files apart."""
    subject = Subject("mount", use.mount.target)
    if use.labelled:
        message = "its files have labels of their own"
        return passed(subject, message, use.evidence, state=State.IN_FORCE)
    if len(use.guests) == 1:
        message = f"its files share one label, and {next(iter(use.guests))} alone uses it"
        return passed(subject, message, use.evidence, state=State.IN_FORCE)
    steps = (
        f"mount {use.mount.source} with vers=4.2 from an export with security_label, or give each guest an export "
        "and a mount of its own"
    )
    change = by_hand(Document("file", "/etc/fstab"), steps)
    message = f"its files share one label, and {len(use.guests)} guests use it"
    return failed(subject, message, change, evidence=[use.evidence], state=State.IN_FORCE)


def booleans(selinux: Selinux, used: list[Used]) -> Findings:
    """Whether each boolean is as the storage needs it."""
    for name, kinds in BOOLEANS.items():
        need = [use for use in used if use.mount.kind.startswith(kinds) and not use.labelled]
        for state, ask in ((State.ON_DISK, selinux.kept_boolean), (State.IN_FORCE, selinux.boolean)):
            subject = Subject("boolean", name)
            try:
                found = ask(name)
            except Unknown as refused:
                yield unknown(subject, str(refused), *refused.evidence, state=state)
                continue
            if found is None and state is State.IN_FORCE:
                yield notapplicable(subject, "the loaded policy does not have it", state=state)
                continue
            evidence = found.evidence if found is not None else _default(selinux, name)
            is_on = found is not None and found.on
            if is_on == bool(need):
                yield passed(subject, f"is {'on, and' if is_on else 'off, and not'} needed", evidence, state=state)
                continue
            message = f"is {'on, and no guest needs it' if is_on else f'off, and {need[0].mount.target} needs it'}"
            change = Change(Document("boolean", name), SetState("on" if need else "off"))
            yield failed(subject, message, change, evidence=[evidence], state=state)


def _default(selinux: Selinux, name: str) -> Evidence:
    path = f"/etc/selinux/{selinux.policy}/active/booleans.local"
    return Evidence(f"{name} is set nowhere; the policy's default, off, holds", path=path)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("nfs-image-location",),
    check=check,
)
