"""Only those who run guests may open /dev/kvm.

Whoever opens /dev/kvm talks to the part of the kernel that runs guests, and its faults have let users become
root. Fedora and RHEL open it to everybody so that desktops work at once; a server needs it for QEMU's user
alone, by way of the group kvm.

Judged: the mode of /dev/kvm now, and the mode in the last of udev's rules for it; neither may let others in.

Fix: a rule of udev of our own that sorts last, and the mode of the node as it is now.

Proof: the user nobody cannot open /dev/kvm.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetMode
from virtwarden.facts.kvm_access import KVM, KvmDevice
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Severity, State, Subject

SUBJECT = Subject("device", KVM)
OWN_RULE = "/etc/udev/rules.d/99-virt-warden-kvm.rules"
RULE_FIX = file_change(OWN_RULE, Replace('KERNEL=="kvm", GROUP="kvm", MODE="0660", OPTIONS+="static_node=kvm"\n'))
NODE_FIX = file_change(KVM, SetMode(mode=0o660, group="kvm"))


def check(host: Host) -> Findings:
    device = host.get(KvmDevice)
    if device.node is None and not device.node_refusal:
        yield notapplicable(SUBJECT, "there is no /dev/kvm", state=State.IN_FORCE)
        return
    if device.rule is None:
        yield unknown(SUBJECT, f"the mode that udev gives it: {device.rule_refusal}", state=State.ON_DISK)
    elif int(device.rule.value, 8) & 0o007:
        message = f"udev gives it mode {device.rule.value}: every user may open it"
        yield failed(SUBJECT, message, RULE_FIX, evidence=[device.rule.evidence], state=State.ON_DISK)
    else:
        message = f"udev gives it mode {device.rule.value}"
        yield passed(SUBJECT, message, device.rule.evidence, state=State.ON_DISK)
    if device.node is None:
        yield unknown(SUBJECT, f"its mode: {device.node_refusal}", state=State.IN_FORCE)
    elif device.node.mode & 0o007:
        message = f"its mode is {device.node.mode:04o}: every user may open it"
        yield failed(SUBJECT, message, NODE_FIX, evidence=[device.node.cite()], state=State.IN_FORCE)
    else:
        yield passed(SUBJECT, f"its mode is {device.node.mode:04o}", device.node.cite(), state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("trusted-computing-base",),
    check=check,
)
