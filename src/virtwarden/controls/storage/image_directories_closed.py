"""Directories of images can be listed and written by root alone.

Who may write to the directory can swap a guest's disk for another without touching the file itself; who may
list it learns which guests there are and finds the one file whose mode is wrong. QEMU needs no more than to
pass through, which mode 0711 allows.

Judged: the directories that the policy names for images, those that pools use, and those in which guests' disks
lie: the owner is root or QEMU's user, and group and others may neither list nor write. For a pool also the mode
in its definition, which libvirt uses when it builds the pool again.

Fix: mode 0711 for a directory of images. Where guests' disks lie in a directory that serves other purposes too,
they have to be moved to one of their own.

Proof: an ordinary user lists the directory and is refused, and a guest still starts.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.edits import SetMode
from virtwarden.facts.images import Images
from virtwarden.facts.policy import Policy
from virtwarden.facts.pools import Pool, Pools
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import Change, Document, Finding, Severity, State, Subject

OWNERS = ("root", "qemu", "libvirt-qemu", "kvm")


def check(host: Host) -> Findings:
    images = host.get(Images)
    pools = list(images.pools.pools.values()) if isinstance(images.pools, Pools) else []
    own = {*host.get(Policy).storage.image_directories, *(pool.target.rstrip("/") or "/" for pool in pools)}
    owners = {*OWNERS, _user(host)}
    for path, stat in images.directories.items():
        if isinstance(stat, Unknown):
            yield unknown(Subject("directory", path), str(stat))
        elif isinstance(stat, Stat) and stat.kind == "dir":
            yield judged(path, stat, owners, own)
    yield from definitions(pools)
    if not isinstance(images.pools, Pools):
        yield unknown(Subject("pools"), str(images.pools), *images.pools.evidence)
    for evidence in images.pools.unread if isinstance(images.pools, Pools) else ():
        yield unknown(Subject("file", evidence.path or ""), evidence.text, evidence)
    images.guests.complete()


def judged(path: str, stat: Stat, owners: set[str], own: set[str]) -> Finding:
    """The finding for one directory; those in `own` are there for images and nothing else."""
    subject = Subject("directory", path)
    wrong = [f"it belongs to {stat.owner}"] if stat.owner not in owners else []
    if stat.mode & 0o066:
        who = "others" if stat.mode & 0o006 else f"group {stat.group}"
        wrong.append(f"{who} may {'write to' if stat.mode & 0o022 else 'list'} it")
    if not wrong:
        return passed(subject, f"mode {stat.mode:04o}, owner {stat.owner}", stat.cite())
    message = f"mode {stat.mode:04o}: {' and '.join(wrong)}"
    return failed(subject, message, _fix(path, stat, owners, own), evidence=[stat.cite()])


def _fix(path: str, stat: Stat, owners: set[str], own: set[str]) -> Change:
    if path not in own and not path.startswith("/var/lib/libvirt/"):
        steps = f"move the guests' images out of {path} to a directory of their own with mode 0711"
        return by_hand(Document("file", path), steps)
    return file_change(path, SetMode(mode=0o711, owner=None if stat.owner in owners else "root"))


def definitions(pools: list[Pool]) -> Findings:
    """What libvirt would make of the pools' directories."""
    for pool in pools:
        if not pool.is_directory or pool.mode is None:
            continue
        subject = Subject("pool", pool.name)
        if not pool.mode & 0o066:
            yield passed(subject, f"is built with mode {pool.mode:04o}", pool.cite(), state=State.ON_DISK)
            continue
        steps = f"virsh pool-edit {pool.name}: <mode>0711</mode> in its <permissions>"
        change = by_hand(Document("file", pool.text.path), steps)
        message = f"is built with mode {pool.mode:04o}: others than root may list or write its directory"
        yield failed(subject, message, change, evidence=[pool.cite()], state=State.ON_DISK)


def _user(host: Host) -> str:
    try:
        return host.get(QemuConf).user or "root"
    except (Absent, Unknown):
        return "root"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("securing-storage-devices", "default-image-location"),
    check=check,
)
