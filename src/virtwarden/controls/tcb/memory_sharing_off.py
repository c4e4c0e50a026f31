"""Guests do not share pages of memory.

Kernel same-page merging keeps one copy of what several guests have in memory. Writing to a shared page takes
longer, and from that a guest can tell what another one holds: which library, which page of a document, bits of
a key. It also makes flips of memory bits reach into a neighbour. Guests of one owner may find it worth that.

Judged: /sys/kernel/mm/ksm/run (1 merges); whether the units ksm and ksmtuned start at boot, whether Ubuntu's
qemu-kvm is told to turn it on (KSM_ENABLED in /etc/default/qemu-kvm), and whether a file in tmpfiles.d writes 1. A
policy with `tcb.share_memory` wants it on.

Fix: disable the units, take the line out; write 2 to the file, which parts what was merged and takes a while,
then 0.

Proof: /sys/kernel/mm/ksm/pages_sharing is 0 and stays so while two equal guests run.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine, SetLine, SetState
from virtwarden.facts.memory import PageMerging, PageMergingAtBoot, PageMergingByQemu
from virtwarden.facts.policy import Policy
from virtwarden.facts.units import Units
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Severity, State

QEMU = "qemu-kvm.service"
UNITS = ("ksm.service", "ksmtuned.service")
RUN = Document("file", "/sys/kernel/mm/ksm/run")


def check(host: Host) -> Findings:
    if host.get(Policy).tcb.share_memory:
        yield notapplicable(HOST, "the policy wants memory to be shared")
        return
    yield from in_force(host)
    yield from on_disk(host)


def in_force(host: Host) -> Findings:
    """What the kernel does now."""
    try:
        merging = host.get(PageMerging).run
    except Absent:
        yield notapplicable(HOST, "this kernel cannot merge pages", state=State.IN_FORCE)
        return
    except Unknown as refused:
        yield unknown(HOST, str(refused), state=State.IN_FORCE)
        return
    if merging.value == "1":
        fix = by_hand(RUN, "echo 2 > /sys/kernel/mm/ksm/run, and echo 0 once pages_shared there is 0")
        yield failed(HOST, "equal pages are merged", fix, evidence=[merging.evidence], state=State.IN_FORCE)
    else:
        yield passed(HOST, "no pages are merged", merging.evidence, state=State.IN_FORCE)


def on_disk(host: Host) -> Findings:
    """What starts it at boot."""
    try:
        written = host.get(PageMergingAtBoot).written
        units = host.get(Units)
        told = None if units.enabled(QEMU) is None else host.get(PageMergingByQemu).told
    except (Absent, Unknown) as refused:
        yield unknown(HOST, f"whether page merging starts at boot: {refused}", state=State.ON_DISK)
        return
    if written is not None and written.value == "1":
        line = written.evidence
        fix = file_change(line.path or "/etc/tmpfiles.d", RemoveLine(line.text))
        yield failed(HOST, "a line of tmpfiles.d merges equal pages from boot on", fix, evidence=[line],
                     state=State.ON_DISK)  # fmt: skip
    if told is not None and told.value.upper() in ("1", "AUTO"):
        fix = file_change("/etc/default/qemu-kvm", SetLine("KSM_ENABLED", "0", "="))
        message = f"{QEMU} merges equal pages from boot on: KSM_ENABLED is {told.value}"
        yield failed(HOST, message, fix, evidence=[told.evidence], state=State.ON_DISK)
        return
    starting = [unit for unit in map(units.enabled, UNITS) if unit is not None]
    if starting:
        names = " and ".join(unit.name for unit in starting)
        fixes = [Change(Document("unit", unit.name), SetState("disabled")) for unit in starting]
        evidence = [unit.evidence for unit in starting]
        yield failed(HOST, f"{names} merge pages from boot on", *fixes, evidence=evidence, state=State.ON_DISK)
    elif not units.files:
        yield unknown(HOST, "whether page merging starts at boot: no unit is known", state=State.ON_DISK)
    elif written is None or written.value != "1":
        off = [units.files[name].evidence for name in UNITS if name in units.files]
        absent = units.listed("no ksm.service is enabled")
        yield passed(HOST, "nothing merges pages from boot on", *(off or [absent]), state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("trusted-computing-base",),
    check=check,
)
