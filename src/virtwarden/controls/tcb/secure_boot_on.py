"""The firmware starts signed code only.

All that the host enforces, its kernel enforces. Whoever can replace the kernel or the boot loader, by a moment
at the machine or as root for an hour, needs to break nothing afterwards. Secure Boot makes the firmware refuse
what no trusted key has signed.

Judged: the firmware's own variable, or mokutil. A host that starts by a BIOS has no such protection.

Fix: turn it on in the firmware's set-up; a host that starts by a BIOS has to be installed anew for UEFI.

Proof: `mokutil --sb-state` says that it is enabled, and an unsigned kernel is refused at the next start.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.boot_trust import SecureBoot
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed
from virtwarden.model import HOST, Document, Severity, State

FIRMWARE = Document("firmware", "set-up")


def check(host: Host) -> Findings:
    secure = host.get(SecureBoot)
    if secure.on:
        yield passed(HOST, "Secure Boot is on", secure.evidence, state=State.IN_FORCE)
    elif secure.uefi:
        fix = by_hand(FIRMWARE, "turn Secure Boot on in the firmware's set-up and reboot")
        yield failed(HOST, "Secure Boot is off", fix, evidence=[secure.evidence], state=State.IN_FORCE)
    else:
        fix = by_hand(FIRMWARE, "start by UEFI instead of BIOS, which takes a new installation")
        message = "the host starts by a BIOS, which checks no signatures"
        yield failed(HOST, message, fix, evidence=[secure.evidence], state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("trusted-computing-base",),
    check=check,
)
