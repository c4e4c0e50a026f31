"""The kernel is locked down where the start of the host is protected, or the policy asks for it.

Lockdown keeps root itself from writing into the running kernel. Without it Secure Boot is a door with no wall:
whoever becomes root once can load unsigned code and stay. Distributions turn it on with Secure Boot; a kernel of
one's own, or a boot line, may not.

Judged: the word in brackets in /sys/kernel/security/lockdown. `integrity` and `confidentiality` pass. `none`, or
a kernel without lockdown, fails where Secure Boot is on or `tcb.require_lockdown` of the policy asks for it.

Fix: `lockdown=integrity` on the boot line and a reboot. It stops unsigned modules, and hibernation with them.

Proof: `modprobe` of an unsigned module is refused.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.boot_trust import Lockdown, SecureBoot
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Safety, Severity, State

FIX = Change(Document("boot", "kernel line"), SetLine("lockdown", "integrity", "="), Safety.DISRUPTIVE)


def check(host: Host) -> Findings:
    mode, evidence = mode_of(host)
    if mode in ("integrity", "confidentiality"):
        yield passed(HOST, f"the kernel is locked down for {mode}", evidence, state=State.IN_FORCE)
        return
    if host.get(Policy).tcb.require_lockdown:
        message = "the policy asks for lockdown, and there is none"
        yield failed(HOST, message, FIX, evidence=[evidence], state=State.IN_FORCE)
        return
    try:
        secure = host.get(SecureBoot)
    except Absent:
        yield notapplicable(HOST, "there is no Secure Boot to complete", evidence, state=State.IN_FORCE)
        return
    except Unknown as refused:
        yield unknown(HOST, f"there is no lockdown; whether Secure Boot is on: {refused}", evidence)
        return
    if secure.on:
        message = "Secure Boot is on, and the kernel is not locked down"
        yield failed(HOST, message, FIX, evidence=[evidence, secure.evidence], state=State.IN_FORCE)
    else:
        yield notapplicable(HOST, "Secure Boot is not on either", evidence, secure.evidence, state=State.IN_FORCE)


def mode_of(host: Host) -> tuple[str, Evidence]:
    """The mode, `none` for a kernel that knows none."""
    try:
        lockdown = host.get(Lockdown)
    except Absent as absent:
        return "none", Evidence(str(absent), path="/sys/kernel/security/lockdown")
    return lockdown.mode, lockdown.evidence


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("trusted-computing-base",),
    check=check,
)
