"""QEMU runs inside its seccomp sandbox.

A guest that breaks out of its virtual machine lands in the QEMU process. The sandbox takes from that process
the system calls that an attacker wants next: starting programs, gaining privileges, reaching for resources.
Turning it off is a common piece of advice for a guest that would not start; the guest's real fault stays.

Judged: `seccomp_sandbox` in qemu.conf; libvirt turns the sandbox on unless this is 0. libvirt before 4.3 does so
only where it is 1, and libvirt before 1.0 not at all. Where neither its version nor what else the packaged file
speaks of tells which it is, it is not known.

Fix: set it to 1. The daemon restarts, running guests are not disturbed and take it at their next start.

Proof: a throw-away guest's /proc/PID/status shows `Seccomp: 2` and `NoNewPrivs: 1`.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import PATH, QEMU_CONF, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, setting, unknown
from virtwarden.model import Severity, State, Subject

SINCE = (1, 0)
BY_ITSELF = (4, 3)
KEY = "seccomp_sandbox"
OF_LATER = "remember_owner"  # a key of which the packaged file speaks since 5.6
SUBJECT = Subject("setting", KEY)
configured = setting(QemuConf, KEY, wanted=1, accepted={-1, 1}, why="QEMU may make every system call")


def check(host: Host) -> Findings:
    conf, libvirt = host.get(QemuConf), host.get(Libvirt)
    number = ".".join(map(str, libvirt.version or ()))
    if libvirt.at_least(*SINCE) is False:
        fix = by_hand(QEMU_CONF, "install a release of the distribution with libvirt 4.3 or later")
        message = f"libvirt {number} cannot start QEMU in a sandbox"
        yield failed(SUBJECT, message, fix, evidence=libvirt.evidence, state=State.ON_DISK)
    elif conf.seccomp_sandbox == -1 and libvirt.at_least(*BY_ITSELF) is False:
        message = f"it is not set, and libvirt {number} leaves the sandbox off"
        evidence = [conf.cite(KEY), *libvirt.evidence]
        yield failed(SUBJECT, message, file_change(PATH, SetConf(KEY, 1)), evidence=evidence, state=State.ON_DISK)
    elif conf.seccomp_sandbox == -1 and libvirt.version is None and OF_LATER not in _text(conf):
        message = "it is not set, and the version of libvirt is not known"
        yield unknown(SUBJECT, message, conf.cite(KEY), state=State.ON_DISK)
    else:
        yield from configured(host)


def _text(conf: QemuConf) -> str:
    return "" if conf.file.text is None else conf.file.text.text


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
