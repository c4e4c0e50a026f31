"""The host runs the newest kernel that is installed on it.

KVM is part of the kernel. An update of it that waits for a reboot protects nobody, and hosts of guests wait
long, because somebody has to move the guests.

Judged: the release that runs against those whose images lie in /boot or beside their modules, of the same
flavour; rescue kernels do not count. Live patches are not seen.

Fix: migrate or shut down the guests and reboot.

Proof: `uname -r` is the newest of the installed kernels.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.kernels import Kernels, order
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Document, Severity, State


def check(host: Host) -> Findings:
    kernels = host.get(Kernels)
    running, newest = kernels.running.value, kernels.newest
    if newest is None:
        message = f"{running} runs, and no installed kernel of its kind was found"
        yield unknown(HOST, message, kernels.running.evidence, state=State.IN_FORCE)
        return
    evidence = (kernels.running.evidence, kernels.installed[newest])
    if order(running) < order(newest):
        fix = by_hand(Document("host", "kernel"), "migrate or shut down the guests and reboot")
        message = f"{running} runs, and {newest} is installed"
        yield failed(HOST, message, fix, evidence=evidence, state=State.IN_FORCE)
    else:
        yield passed(HOST, f"{running} runs, the newest that is installed", *evidence, state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("maintaining-virtual-machines",),
    check=check,
)
