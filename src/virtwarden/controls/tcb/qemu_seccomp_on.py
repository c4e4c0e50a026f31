"""QEMU runs inside its seccomp sandbox.

A guest that breaks out of its virtual machine lands in the QEMU process. The sandbox takes from that process
the system calls that an attacker wants next: starting programs, gaining privileges, reaching for resources.
Turning it off is a common piece of advice for a guest that would not start; the guest's real fault stays.

Judged: `seccomp_sandbox` in qemu.conf; libvirt turns the sandbox on unless this is 0.

Fix: set it to 1. The daemon restarts, running guests are not disturbed and take it at their next start.

Proof: a throw-away guest's /proc/PID/status shows `Seccomp: 2` and `NoNewPrivs: 1`.
"""

from virtwarden.control import Control
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.judgements import setting
from virtwarden.model import Severity

CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=setting(QemuConf, "seccomp_sandbox", wanted=1, accepted={-1, 1}, why="QEMU may make every system call"),
)
