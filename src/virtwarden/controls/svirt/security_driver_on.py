"""libvirt confines guests with SELinux or AppArmor.

Without a security driver every guest runs as the same user, and whoever breaks out of one guest reads the
disks of all others. `security_driver = "none"` is advice found wherever a guest would not start; so is a
kernel booted without its security module, which libvirt takes without complaint: its driver is then simply
not there.

Judged: `security_driver` in qemu.conf, and whether the kernel runs SELinux or AppArmor; with AppArmor,
whether the daemon's own profile is loaded, since libvirt's driver switches itself off where it is not, and
whether no kernel line turns AppArmor off for the next boot.

Fix: remove `none` from qemu.conf, boot the kernel with its security module, load libvirt's AppArmor profiles.
Guests are confined from their next start.

Proof: a throw-away guest's process has a label of its own, and cannot open another guest's image.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.kernel import Boot
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State, Subject

_TURN_OFF = ("apparmor=0", "security=none", "security=selinux")
_DAEMON_PROFILES = ("libvirtd", "virtqemud", "/usr/sbin/libvirtd", "/usr/sbin/virtqemud", "/usr/bin/virtqemud")


def check(host: Host) -> Findings:
    subject = Subject("setting", "security_driver")
    try:
        yield _told(subject, host.get(QemuConf))
    except Unknown as refused:
        yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
    try:
        if host.get(Confinement).module == "apparmor":
            yield from _boot_lines(host)
        yield _kernel(host.get(Confinement))
    except Unknown as refused:
        yield unknown(HOST, str(refused), *refused.evidence, state=State.IN_FORCE)


def _told(subject: Subject, conf: QemuConf) -> Finding:
    evidence = conf.cite("security_driver")
    if "none" not in (conf.security_driver or ()):
        return passed(subject, "libvirt confines guests with what the kernel has", evidence, state=State.ON_DISK)
    message = "libvirt is told to confine no guest"
    change = file_change(PATH, RemoveLine("security_driver"))
    return failed(subject, message, change, evidence=[evidence], state=State.ON_DISK)


def _boot_lines(host: Host) -> Findings:
    """Whether the next boot has AppArmor as well; that of SELinux is a control of its own."""
    try:
        entries = host.get(Boot).configured()
    except Unknown as refused:
        message = f"whether the kernel line turns AppArmor off: {refused}"
        yield unknown(HOST, message, *refused.evidence, state=State.ON_DISK)
        return
    off = [(entry, word) for entry in entries for word in entry.arguments if word in _TURN_OFF]
    for entry, word in off:
        change = by_hand(Document("boot", "kernel line"), f"take {word} off the kernel line")
        message = f"the kernel line has {word}"
        yield failed(HOST, message, change, evidence=[entry.evidence], state=State.ON_DISK)
    if not off:
        evidence = (entry.evidence for entry in entries)
        yield passed(HOST, "no kernel line turns AppArmor off", *evidence, state=State.ON_DISK)


def _kernel(confinement: Confinement) -> Finding:
    if confinement.state is State.ON_DISK:
        why = f"what the running kernel has; the system is set up for {confinement.module}"
        return unknown(HOST, why, confinement.evidence, state=State.IN_FORCE)
    if confinement.module == "none":
        change = by_hand(Document("boot", "kernel line"), "boot with security=selinux or security=apparmor")
        message = "the kernel runs neither SELinux nor AppArmor"
        return failed(HOST, message, change, evidence=[confinement.evidence], state=State.IN_FORCE)
    if confinement.module == "selinux":
        return passed(HOST, "the kernel runs SELinux", confinement.evidence, state=State.IN_FORCE)
    loaded = confinement.loaded()
    daemon = next((loaded[name] for name in _DAEMON_PROFILES if name in loaded), None)
    if daemon is not None:
        return passed(HOST, "AppArmor has the daemon's profile", daemon.evidence, state=State.IN_FORCE)
    change = by_hand(Document("file", "/etc/apparmor.d"), "apparmor_parser -r /etc/apparmor.d/usr.sbin.libvirtd")
    message = "AppArmor has no profile of libvirt's daemon, so that libvirt confines no guest"
    missing = [confinement.missing(name) for name in _DAEMON_PROFILES[:2]]
    return failed(HOST, message, change, evidence=missing, state=State.IN_FORCE)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.HIGH, sections=("svirt-overview",), check=check)
