"""The boot loader asks for a password before its lines may be edited.

Whoever reaches the console, and a console over the network is a console, can add `init=/bin/sh` to the boot line
and is root without a password, or take SELinux and auditing off for one start. The blueprint prints its boot
loader's file with the hash of such a password in it; neither belongs into a document or a report.

Judged: whether GRUB's files set a password, in user.cfg on RHEL and Fedora; a block that waits for a user.cfg
that is not there sets none. For systemd-boot, whether its editor is off. Each file with the hash of a password is
root's alone: whoever may read it can try passwords at leisure.

Fix: `grub2-setpassword` on RHEL and Fedora; elsewhere `set superusers` and `password_pbkdf2` with a hash from
grub-mkpasswd-pbkdf2 in /etc/grub.d, entries made --unrestricted so that the host still starts by itself. Files
with hashes get mode 0600.

Proof: pressing `e` in the boot menu asks for a user and a password.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine, SetMode
from virtwarden.facts.boot_trust import BootLoader
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import HOST, Change, Document, Severity, State, Subject

GRUB = (
    "grub2-setpassword; or set superusers and password_pbkdf2 in /etc/grub.d/40_custom with a hash from "
    "grub-mkpasswd-pbkdf2, add --unrestricted to CLASS in /etc/grub.d/10_linux, and run update-grub"
)


def check(host: Host) -> Findings:
    loader = host.get(BootLoader)
    if loader.lock is not None:
        message = f"{loader.kind} lets nobody edit its lines without a password"
        if loader.kind == "systemd-boot":
            message = "systemd-boot has its editor off"
        yield passed(HOST, message, loader.lock.evidence, state=State.ON_DISK)
        yield from hidden(host, loader)
        return
    evidence = [text.cite(text="no password is set") for text in loader.files]
    message = f"whoever is at the console may edit {loader.kind}'s lines"
    yield failed(HOST, message, locking(loader), evidence=evidence, state=State.ON_DISK)


def hidden(host: Host, loader: BootLoader) -> Findings:
    """Whether root alone reads the hashes."""
    for line in loader.hashes:
        path = line.path or ""
        try:
            stat = host.source.stat(path)
        except (Absent, Unknown) as refused:
            yield unknown(Subject("file", path), f"who may read it: {refused}", line, state=State.ON_DISK)
            continue
        if stat.mode & 0o044:
            fix = file_change(path, SetMode(mode=stat.mode & ~0o077))
            message = f"has the hash of the boot password and mode {stat.mode:04o}: others may read it"
            yield failed(Subject("file", path), message, fix, evidence=[line, stat.cite()], state=State.ON_DISK)


def locking(loader: BootLoader) -> Change:
    """How to lock this boot loader."""
    document = Document("file", loader.files[0].path)
    if loader.kind == "systemd-boot":
        return Change(document, SetLine("editor", "no", " "))
    return by_hand(document, GRUB)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("trusted-computing-base",),
    check=check,
)
