"""The kernel mitigates every fault of the processor that it knows of.

Meltdown, Spectre and their kin let one guest read memory of the host or of another guest without breaking out
of anything. The kernel says of each fault whether the processor has it and what is done; most mitigations want
new microcode as well as a new kernel.

Judged: each sentence in /sys/devices/system/cpu/vulnerabilities. "Not affected" and "Mitigation" pass,
"Vulnerable" fails, in a part of the sentence too. Where all that is left is that threads of one core are not
kept apart, `tcb.allow_smt` of the policy decides. A fault whose file is missing is one that this kernel does
not know; it is not judged here, but a supported release is asked for elsewhere.

Fix: install the distribution's kernel and microcode updates and reboot. Where threads must not be shared:
`mitigations=auto,nosmt` on the boot line; `sched_core` in qemu.conf does as well and costs less. Where the boot
line turns mitigations off, that comes first.

Proof: after the reboot no sentence holds the word "vulnerable".
"""

import re

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine, SetLine
from virtwarden.facts.cpu import VULNERABILITIES, Cpu
from virtwarden.facts.kernel import Boot, Value
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import Change, Document, Evidence, Finding, Safety, Severity, State, Subject

SMT = re.compile(r"[;,]?\s*SMT (?:vulnerable|Host state unknown)", re.IGNORECASE)
VULNERABLE = re.compile(r"\bvulnerable\b", re.IGNORECASE)
UPDATE = by_hand(
    Document("packages", "of the kernel"), "install the distribution's newest kernel and microcode and reboot"
)
KERNEL_LINE = Document("boot", "kernel line")
NO_SMT = Change(KERNEL_LINE, SetLine("mitigations", "auto,nosmt", "="), Safety.DISRUPTIVE)
OFF = ("mitigations=off", "nopti", "nospectre_v1", "nospectre_v2")


def check(host: Host) -> Findings:
    cpu = host.get(Cpu)
    fix = remedy(host)
    accepts_smt = host.get(Policy).tcb.allow_smt or guests_share_no_core(host)
    for name, value in sorted(cpu.vulnerabilities.items()):
        yield judged(Subject("vulnerability", name), value, fix, accepts_smt=accepts_smt)
    for name, refusal in sorted(cpu.unread.items()):
        where = Evidence(refusal, path=f"{VULNERABILITIES}/{name}")
        yield unknown(Subject("vulnerability", name), refusal, where, state=State.IN_FORCE)


def remedy(host: Host) -> list[Change]:
    """What helps against a fault: newer software is of no use while the boot line turns mitigations off."""
    try:
        off = [argument for argument in host.get(Boot).running().arguments if argument in OFF]
    except (Absent, Unknown):
        off = []
    return [Change(KERNEL_LINE, RemoveLine(argument), Safety.DISRUPTIVE) for argument in off] or [UPDATE]


def judged(subject: Subject, value: Value, fix: list[Change], *, accepts_smt: bool) -> Finding:
    """The finding on one fault."""
    here = value.evidence
    apart = SMT.sub("", value.value)
    if VULNERABLE.search(apart):
        return failed(subject, value.value, *fix, evidence=[here], state=State.IN_FORCE)
    if not apart.startswith(("Not affected", "Mitigation", "KVM: Mitigation")):
        return unknown(subject, f"the kernel cannot tell: {value.value}", here, state=State.IN_FORCE)
    if apart != value.value and not accepts_smt:
        return failed(
            subject, f"threads of one core: {value.value}", NO_SMT, evidence=[here], state=State.IN_FORCE
        )
    return passed(subject, value.value, here, state=State.IN_FORCE)


def guests_share_no_core(host: Host) -> bool:
    """Whether libvirt has the scheduler keep each guest to cores of its own."""
    try:
        return host.get(QemuConf).sched_core in ("vcpus", "emulator", "full")
    except (Absent, Unknown):
        return False


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
