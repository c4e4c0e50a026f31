"""Every service has certificates, keys and files of its own, and QEMU's user owns none of them.

The blueprint hard-links the authority's certificate and libvirtd's private key into QEMU's directory and then
gives them to the user qemu. A hard link is the same file: that user becomes the owner of libvirtd's key and of
the trust anchor, and a guest that breaks out replaces the anchor and mints itself an administrator. A copy of
the same key is little better, as whoever takes it from QEMU answers for the management daemon.

Judged: hard links and owners of all files of libvirt's and QEMU's PKI (default directories, those that the conf
files name, users' ~/.pki), the owners of the directories, and whether libvirt and QEMU hold the same private
key or certificates of the same key, however they came by it.

Fix: copies in place of links, root as the owner with QEMU's group on QEMU's files, and new keys and
certificates wherever a key was shared: what QEMU's user could once read is not secret any more.

Proof: QEMU's user cannot write to any of these files nor read libvirtd's key.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetMode
from virtwarden.facts.pki import Pki, PkiFile
from virtwarden.host import Host, Stat
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Severity, Subject
from virtwarden.pki.verify import files

COPY = (
    "replace the link by a copy (cp to a new name, then mv), owned by root, for QEMU with its group; issue a new "
    "key if it is one"
)
RENEW = "issue QEMU a key and a certificate of its own, and libvirt new ones, since QEMU's user held its key"


def check(host: Host) -> Findings:
    pki = host.get(Pki)
    shared = {file.path: other.path for file, other in files.shared(pki.files)}
    for file in pki.files:
        subject = Subject("file", file.path)
        faults, fixes = _faults(file, pki)
        if file.path in shared:
            faults.append(f"holds the same key as {shared[file.path]}")
            fixes.append(by_hand(Document("file", file.path), RENEW))
        if faults:
            yield failed(subject, "; ".join(faults), *fixes, evidence=[file.stat.cite(_shown(file.stat))])
        elif file.role == "key" and file.text is None:
            yield unknown(
                subject, f"whether it is a key of its own: {file.problem}", file.stat.cite(_shown(file.stat))
            )
        else:
            yield passed(subject, "is a file of its own", file.stat.cite(_shown(file.stat)))
    for directory in pki.directories:
        if directory.owner in pki.qemu_users:
            fix = file_change(directory.path, SetMode(owner="root"))
            message = f"belongs to {directory.owner}, who may replace every file in it"
            yield failed(Subject("directory", directory.path), message, fix, evidence=[directory.cite()])
    pki.complete()
    if not pki.files:
        yield notapplicable(HOST, "the host has no certificates for libvirt or QEMU")


def _faults(file: PkiFile, pki: Pki) -> tuple[list[str], list[Change]]:
    faults = list(files.ownership(file, pki.qemu_users))
    fixes: list[Change] = []
    if file.stat.links > 1:
        fixes.append(by_hand(Document("file", file.path), COPY))
    elif faults:  # the owner of a hard link is that of the other file too
        mode, group = pki.rooted(file)
        fixes.append(file_change(file.path, SetMode(mode=mode, owner="root", group=group)))
    return [fault.message for fault in faults], fixes


def _shown(stat: Stat) -> str:
    return f"{stat.owner}:{stat.group} {stat.mode:04o}, {stat.links} link{'s' if stat.links > 1 else ''}"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("tls-step-3-server-files", "vnc-step-1-server-files", "spice-step-1-server"),
    check=check,
)
