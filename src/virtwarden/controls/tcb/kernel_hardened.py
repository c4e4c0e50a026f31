"""The kernel tells ordinary users little and lets them do less.

An intruder who has come as far as QEMU's user next attacks the kernel from there. Where its addresses lie, what
it logs, who may look into a neighbour's memory and who may load programs into it are switches that cost a host
of guests nothing.

Judged: kernel.kptr_restrict (1 or 2), kernel.dmesg_restrict (1), kernel.yama.ptrace_scope (1 or more),
kernel.unprivileged_bpf_disabled (1 or 2), kernel.kexec_load_disabled (1), fs.suid_dumpable (0) and
vm.unprivileged_userfaultfd (0), as the files set them for the next boot and as they are now. A kernel that has
no such switch is not asked for it. libvirt 10.1 and later need no userfaultfd for all users to migrate guests.

Fix: a file of our own in /etc/sysctl.d, or the file that sets the value last; the kernel is told at once, but for
what it would not take back before the next boot: kernel.unprivileged_bpf_disabled waits for that, or for a person.
kexec_load_disabled also keeps kdump from loading its kernel, so a person sets it where kdump is in use.

Proof: an ordinary user reads no kernel address in /proc/kallsyms and nothing from dmesg.
"""

from dataclasses import dataclass

from virtwarden.activations import ONE_WAY
from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine, SetState
from virtwarden.facts.kernel import LAST_SYSCTL_FILE, Sysctls, Value
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Evidence, Severity, State, Subject

OWN_FILE = "/etc/sysctl.d/99-virt-warden.conf"
KEXEC = "set kernel.kexec_load_disabled = 1, once kdump, if it is in use, has loaded its kernel"


@dataclass(frozen=True, slots=True)
class Switch:
    """A sysctl: its accepted values, the first of which is wanted; `safe` if the kernel's default is one."""

    key: str
    accepted: tuple[str, ...]
    safe: bool = False


SWITCHES = (
    Switch("kernel.kptr_restrict", ("2", "1")),
    Switch("kernel.dmesg_restrict", ("1",)),
    Switch("kernel.yama.ptrace_scope", ("1", "2", "3")),
    Switch("kernel.unprivileged_bpf_disabled", ("1", "2")),
    Switch("kernel.kexec_load_disabled", ("1",)),
    Switch("fs.suid_dumpable", ("0",), safe=True),
    Switch("vm.unprivileged_userfaultfd", ("0",)),
)


def check(host: Host) -> Findings:
    sysctls = host.get(Sysctls)
    for switch in SWITCHES:
        subject = Subject("sysctl", switch.key)
        try:
            now = sysctls.effective(switch.key)
        except Absent as absent:
            yield notapplicable(subject, str(absent), *absent.evidence)
            continue
        except Unknown as refused:
            yield unknown(subject, str(refused), state=State.IN_FORCE)
        else:
            yield from in_force(switch, now)
        try:
            yield from on_disk(switch, sysctls.configured(switch.key))
        except Unknown as refused:
            yield unknown(subject, str(refused), state=State.ON_DISK)


def in_force(switch: Switch, now: Value) -> Findings:
    """The finding on the value that holds now."""
    subject, message = Subject("sysctl", switch.key), f"it is {now.value}"
    if now.value in switch.accepted:
        yield passed(subject, message, now.evidence, state=State.IN_FORCE)
        return
    document = Document("sysctl", switch.key)
    fix = Change(document, SetState(switch.accepted[0]))
    if switch.key == "kernel.kexec_load_disabled":
        fix = by_hand(document, KEXEC)
    elif switch.key in ONE_WAY:
        fix = by_hand(document, f"sysctl -w {switch.key}={switch.accepted[0]}, which holds until the next boot")
    yield failed(subject, message, fix, evidence=[now.evidence], state=State.IN_FORCE)


def on_disk(switch: Switch, configured: Value | None) -> Findings:
    """The finding on the value that the next boot sets."""
    subject = Subject("sysctl", switch.key)
    unset = Evidence(f"no file sets {switch.key}", path="/etc/sysctl.d")
    if configured is None and switch.safe:
        yield passed(subject, "no file sets it, and the kernel's default is right", unset, state=State.ON_DISK)
    elif configured is not None and configured.value in switch.accepted:
        yield passed(subject, f"it is set to {configured.value}", configured.evidence, state=State.ON_DISK)
    else:
        message = "no file sets it" if configured is None else f"it is set to {configured.value}"
        evidence = [unset if configured is None else configured.evidence]
        yield failed(subject, message, setting_of(switch, configured), evidence=evidence, state=State.ON_DISK)


def setting_of(switch: Switch, configured: Value | None) -> Change:
    """The edit of the file that will decide at the next boot."""
    if switch.key == "kernel.kexec_load_disabled":
        return by_hand(Document("file", OWN_FILE), KEXEC)
    path = None if configured is None else configured.evidence.path
    edit = SetLine(switch.key, switch.accepted[0])
    if path is None or not decides_after(path):
        return file_change(OWN_FILE, edit)
    return file_change(path if path.startswith("/etc/") else LAST_SYSCTL_FILE, edit)


def decides_after(path: str) -> bool:
    """Whether this file is read after our own."""
    return path == "/etc/sysctl.conf" or path.rpartition("/")[2] >= OWN_FILE.rpartition("/")[2]


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("trusted-computing-base",),
    check=check,
)
