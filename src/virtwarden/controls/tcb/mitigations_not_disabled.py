"""The boot line turns no mitigation of a processor's faults off.

`mitigations=off` makes a benchmark look better and lets one guest read the memory of another. It is often left
from such a benchmark, or copied from advice for machines that run no strangers' code. A host of guests does.

Judged: every kernel line that the boot loader may take, and the line that the kernel was started with, for
`mitigations=off` and the switches of single faults, and for the parts of `mitigations=` that leave an attacker
out.

Fix: take the argument out of the boot loader's configuration and reboot.

Proof: after the reboot /proc/cmdline holds none of them and the kernel reports the mitigations.
"""

import re
from collections.abc import Iterable, Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine
from virtwarden.facts.kernel import Boot, BootEntry
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Safety, Severity, State, Subject

KERNEL_LINE = Document("boot", "kernel line")
OFF_WORDS = ("off", "0", "no", "n", "never", "force-off")
FLAGS = (
    "nopti",
    "nospectre_v1",
    "nospectre_v2",
    "nospectre_bhb",
    "nospec_store_bypass_disable",
    "noibrs",
    "noibpb",
    "no_rfi_flush",
    "no_stf_barrier",
    "no_entry_flush",
    "no_uaccess_flush",
)
SWITCHES = (
    "pti",
    "kpti",
    "ssbd",
    "spectre_v2",
    "spectre_v2_user",
    "spectre_bhi",
    "spec_store_bypass_disable",
    "l1tf",
    "mds",
    "tsx_async_abort",
    "mmio_stale_data",
    "retbleed",
    "srbds",
    "reg_file_data_sampling",
    "gather_data_sampling",
    "spec_rstack_overflow",
    "indirect_target_selection",
    "tsa",
    "vmscape",
    "kvm.nx_huge_pages",
    "kvm_intel.vmentry_l1d_flush",
)
OFF_PARTS = {"off", "no_user_kernel", "no_user_user", "no_guest_host", "no_guest_guest", "no_cross_thread"}


def check(host: Host) -> Findings:
    boot = host.get(Boot)
    yield from on_disk(boot)
    try:
        running = boot.running()
    except Unknown as refused:
        yield unknown(HOST, str(refused), state=State.IN_FORCE)
        return
    yield from judged(HOST, [running], State.IN_FORCE)


def on_disk(boot: Boot) -> Findings:
    """The findings on what the next start may take, one for each file."""
    try:
        entries = boot.configured()
    except Unknown as refused:
        yield unknown(HOST, str(refused), state=State.ON_DISK)
        return
    by_file: dict[str, list[BootEntry]] = {}
    for entry in entries:
        by_file.setdefault(entry.evidence.path or "", []).append(entry)
    for path, lines in by_file.items():
        subject = Subject("file", path)
        yield from judged(subject, lines, State.ON_DISK)


def judged(subject: Subject, entries: list[BootEntry], state: State) -> Findings:
    """The finding on these lines together."""
    wrong: dict[str, Evidence] = {}
    for entry in entries:
        wrong.update({argument: entry.evidence for argument in weakening(entry) if argument not in wrong})
    unresolved = [entry for entry in entries if any(word.startswith("$kernelopts") for word in entry.arguments)]
    if wrong:
        message = f"mitigations are turned off: {' '.join(wrong)}"
        yield failed(subject, message, *removals(wrong), evidence=dict.fromkeys(wrong.values()), state=state)
    elif unresolved:
        message = "the line takes $kernelopts from a place that was not read"
        yield unknown(subject, message, unresolved[0].evidence, state=state)
    else:
        yield passed(subject, "no mitigation is turned off", entries[0].evidence, state=state)


def weakening(entry: BootEntry) -> Iterator[str]:
    """The arguments of a line that turn something off."""
    mitigations = entry.value("mitigations") or ""
    if not OFF_PARTS.isdisjoint(re.split("[,;]", mitigations.lower())):
        yield f"mitigations={mitigations}"
    for flag in FLAGS:
        if entry.value(flag) is not None:
            yield flag
    for switch in SWITCHES:
        value = entry.value(switch)
        if value is not None and value.lower() in OFF_WORDS:
            yield f"{switch}={value}"


def removals(arguments: Iterable[str]) -> list[Change]:
    """The edits that take arguments out of the boot line."""
    return [Change(KERNEL_LINE, RemoveLine(argument), Safety.DISRUPTIVE) for argument in arguments]


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
