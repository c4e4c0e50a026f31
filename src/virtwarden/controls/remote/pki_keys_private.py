"""Private keys can be read by their service alone, and nobody else can write to any PKI file.

A key that a local user can read lets him pose as the host or as an administrator of guests. A certificate of
the authority that he can write lets him choose whom the host trusts. The blueprint takes rights from others
only, which leaves a key to the group, and lists one as 0644.

Judged: owner and mode of keys: root's alone for libvirt (0600), readable by QEMU's group at most for QEMU
(0640), the user's alone in ~/.pki. Certificates and revocation lists: no right to write for group or others.

Fix: the mode, and where it is not root's the owner. QEMU's files keep their group.

Proof: an unprivileged user cannot open a key; libvirtd and QEMU still start with it.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetMode
from virtwarden.facts.pki import Pki, PkiFile
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, notapplicable, passed
from virtwarden.model import HOST, Severity, Subject


def check(host: Host) -> Findings:
    pki = host.get(Pki)
    for file in pki.files:
        subject = Subject("file", file.path)
        faults = _faults(file, pki)
        shown = f"is {file.stat.owner}:{file.stat.group}, mode {file.stat.mode:04o}"
        if faults:
            message = f"{'a key that ' if _is_key(file) else ''}{', '.join(faults)}: {shown}"
            owner = "root" if file.holder != "user" and file.stat.uid != 0 else None
            fix = file_change(file.path, SetMode(mode=_mode(file, pki), owner=owner))
            yield failed(subject, message, fix, evidence=[file.stat.cite()])
        else:
            yield passed(subject, shown, file.stat.cite())
    pki.complete()
    if not pki.files:
        yield notapplicable(HOST, "the host has no certificates or keys for libvirt or QEMU")


def _is_key(file: PkiFile) -> bool:
    return file.role == "key" or bool(file.keys)


def _faults(file: PkiFile, pki: Pki) -> list[str]:
    stat, faults = file.stat, []
    if _is_key(file):
        if stat.mode & 0o007:
            faults.append("everybody may use")
        if stat.mode & 0o070 and not _groups_may_read(file, pki):
            faults.append(f"the group {stat.group} may use")
        elif stat.mode & 0o030:
            faults.append(f"the group {stat.group} may change")
    elif stat.mode & 0o022:
        faults.append("others than its owner may change")
    if stat.uid != 0 and file.holder != "user":
        faults.append("does not belong to root")
    return faults


def _groups_may_read(file: PkiFile, pki: Pki) -> bool:
    return file.holder == "qemu" and (file.stat.group in pki.qemu_groups or file.stat.gid == 0)


def _mode(file: PkiFile, pki: Pki) -> int:
    if not _is_key(file):
        return file.stat.mode & ~0o022
    return 0o640 if _groups_may_read(file, pki) else 0o600


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("tls-step-3-server-files", "tls-step-4-client-files", "vnc-step-2-client"),
    check=check,
)
