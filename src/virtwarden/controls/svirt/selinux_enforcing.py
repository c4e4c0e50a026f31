"""SELinux enforces, now and after the next boot.

A permissive policy writes down what it would have refused and lets it happen: labels look right, and one
guest opens another's disk. The blueprint's `setenforce 1` holds until the next boot only.

Judged: SELINUX in /etc/selinux/config and the kernel lines of the boot loader (`enforcing=0`, `selinux=0`)
for the next boot; the kernel's own answer for now.

Fix: set SELINUX=enforcing and take the arguments off the kernel line. After a long permissive time labels
have to be restored first: look at the denials, then relabel.

Proof: from a guest's confinement another guest's image cannot be opened, and the refusal is on record.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import Do, SetLine
from virtwarden.facts.confinement import Confinement, Module
from virtwarden.facts.kernel import Boot
from virtwarden.facts.selinux import Mode, Selinux
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Safety, Severity, State

_CONFIG = "/etc/selinux/config"
_ENFORCE = "/sys/fs/selinux/enforce"
_FIXES = {
    State.ON_DISK: file_change(_CONFIG, SetLine("SELINUX", "enforcing", "="), Safety.DISRUPTIVE),
    State.IN_FORCE: Change(Document("selinux", "mode"), Do("setenforce 1"), Safety.MANUAL),
}


def check(host: Host) -> Findings:
    if _runs(host, "apparmor"):
        yield notapplicable(HOST, "this host runs AppArmor", host.get(Confinement).evidence)
        return
    try:
        selinux = host.get(Selinux)
    except Absent as absent:
        if not absent.evidence or not _runs(host, "none"):
            raise
        fix = _FIXES[State.ON_DISK]
        yield failed(HOST, "SELinux is disabled", fix, evidence=absent.evidence, state=State.ON_DISK)
        return
    yield _judged(selinux.on_disk, State.ON_DISK)
    yield from _boot_lines(host)
    yield _judged(selinux.in_force, State.IN_FORCE)


def _runs(host: Host, module: Module) -> bool:
    """Whether it is known that this module, or none, confines guests."""
    try:
        return host.get(Confinement).module == module
    except Unknown:
        return False


def _judged(mode: Mode | Absent | Unknown, state: State) -> Finding:
    if isinstance(mode, Unknown):
        return unknown(HOST, f"the mode of SELinux: {mode}", *mode.evidence, state=state)
    if isinstance(mode, Absent):
        where = Evidence(str(mode), path=_CONFIG if state is State.ON_DISK else _ENFORCE)
        return failed(HOST, f"SELinux is not in use: {mode}", _FIXES[State.ON_DISK], evidence=[where], state=state)
    if mode.word == "enforcing":
        return passed(HOST, "SELinux is enforcing", mode.evidence, state=state)
    return failed(HOST, f"SELinux is {mode.word}", _FIXES[state], evidence=[mode.evidence], state=state)


def _boot_lines(host: Host) -> Findings:
    try:
        entries = host.get(Boot).configured()
    except Unknown as refused:
        message = f"whether the kernel line turns SELinux off: {refused}"
        yield unknown(HOST, message, *refused.evidence, state=State.ON_DISK)
        return
    sound = True
    for entry in entries:
        for name, off in (("enforcing", "0"), ("selinux", "0")):
            if entry.value(name) == off:
                sound = False
                change = Change(
                    Document("boot", "kernel line"), Do(f"take {name}={off} off the kernel line"), Safety.MANUAL
                )
                message = f"the kernel line has {name}={off}"
                yield failed(HOST, message, change, evidence=[entry.evidence], state=State.ON_DISK)
    if sound:
        evidence = (entry.evidence for entry in entries)
        yield passed(HOST, "no kernel line turns SELinux off", *evidence, state=State.ON_DISK)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.HIGH, sections=("svirt-enforcing",), check=check)
