"""Private keys can be read by their service alone, and nobody else can write to any PKI file.

A key that a local user can read lets him pose as the host or as an administrator of guests. A certificate of
the authority that he can write lets him choose whom the host trusts. The blueprint takes rights from others
only, which leaves a key to the group, and lists one as 0644.

Judged: owner and mode of keys: root's alone for libvirt (0600), readable by QEMU's group at most for QEMU
(0640), the user's alone in ~/.pki. Certificates and revocation lists: no right to write for group or others. A
copy of one of these keys that lies elsewhere, in /var/tmp or a home directory, may be its owner's alone.

Fix: the mode, and where it is not root's the owner; what QEMU's user owned goes to its group, so that QEMU still
starts with it. A hard link is first replaced by a copy, since its mode is that of another file too. A copy that
others could read is wiped, and its key replaced.

Proof: an unprivileged user cannot open a key; libvirtd and QEMU still start with it.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetMode
from virtwarden.facts.pki import GROUP, LooseKeys, Pki, PkiFile
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed
from virtwarden.model import HOST, Change, Document, Severity, Subject
from virtwarden.pki.verify import files


def check(host: Host) -> Findings:
    pki = host.get(Pki)
    for file in pki.files:
        subject = Subject("file", file.path)
        faults = [fault.message for fault in files.rights(file, pki.qemu_groups)]
        shown = f"is {file.stat.owner}:{file.stat.group}, mode {file.stat.mode:04o}"
        if faults:
            message = f"{'a key that ' if files.is_key(file) else ''}{', '.join(faults)}: {shown}"
            yield failed(subject, message, _fix(file, pki), evidence=[file.stat.cite()])
        else:
            yield passed(subject, shown, file.stat.cite())
    yield from _copies(host, pki)
    pki.complete()
    if not pki.files:
        yield notapplicable(HOST, "the host has no certificates or keys for libvirt or QEMU")


def _fix(file: PkiFile, pki: Pki) -> Change:
    mode, group = pki.rooted(file)
    owner = "root" if file.holder != "user" and file.stat.uid != 0 else None
    if file.stat.links > 1:
        whole = f"{owner or file.stat.owner}:{group or file.stat.group}"
        steps = f"cp -p {file.path} to a new name, chown {whole} and chmod {mode:04o} that, mv it over {file.path}"
        return by_hand(Document("file", file.path), steps)
    if group == GROUP:
        return by_hand(Document("file", file.path), f"chown it to root and {GROUP}, chmod {mode:04o}")
    return file_change(file.path, SetMode(mode=mode, owner=owner, group=group))


def _copies(host: Host, pki: Pki) -> Findings:
    """Copies of these keys outside of their places that others may read."""
    originals = {key.spki_sha256: file for file in pki.files for key in file.keys if key.spki_sha256}
    known = {file.path for file in pki.files}
    for file in host.get(LooseKeys).files:
        original = next((originals[key.spki_sha256] for key in file.keys if key.spki_sha256 in originals), None)
        if original is None or file.path in known or not file.stat.mode & 0o077:
            continue
        message = f"a copy of {original.path} with mode {file.stat.mode:04o}, which others than its owner may use"
        steps = f"shred -u {file.path}; then issue a new key and certificate in place of {original.path}"
        fix = by_hand(Document("file", file.path), steps)
        evidence = [file.cite(1, "holds the same private key"), file.stat.cite(), original.stat.cite()]
        yield failed(Subject("file", file.path), message, fix, evidence=evidence)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("tls-step-3-server-files", "tls-step-4-client-files", "vnc-step-2-client"),
    check=check,
)
