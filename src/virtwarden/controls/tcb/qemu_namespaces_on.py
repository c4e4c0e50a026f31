"""Each guest has a mount namespace of its own, with nothing in /dev but its devices.

In its own namespace a guest's process sees the null device and its own disks. Without one it sees every device
node of the host, and a mode or a label that is too generous once is a way to another guest's disk. An empty
list is a common remedy against a device that would not attach.

Judged: `namespaces` in qemu.conf; libvirt makes one for mounts unless the list is empty. libvirt before 3.0 has
no such thing, and where neither the file nor the version shows that this one has it, it is not known.

Fix: set it to [ "mount" ]. The daemon restarts, running guests are not disturbed and take it at their next start.

Proof: a throw-away guest's mount namespace is not the host's, and its /dev holds a handful of nodes.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QEMU_CONF, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, setting, unknown
from virtwarden.model import Severity, State, Subject

SINCE = (3, 0)
configured = setting(
    QemuConf, "namespaces", wanted=("mount",), accepted={("mount",)}, why="guests see every device of the host"
)


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    libvirt = host.get(Libvirt)
    subject = Subject("setting", "namespaces")
    documented = conf.file.text is not None and "namespaces" in conf.file.text.text
    if libvirt.at_least(*SINCE) is False:
        number = ".".join(map(str, libvirt.version or ()))
        fix = by_hand(QEMU_CONF, "install a release of the distribution with libvirt 3.0 or later")
        message = f"libvirt {number} cannot give a guest a namespace of its own"
        yield failed(subject, message, fix, evidence=libvirt.evidence, state=State.ON_DISK)
    elif libvirt.version is None and not documented:
        message = "namespaces is not set, and the version of libvirt is not known"
        yield unknown(subject, message, conf.cite("namespaces"), state=State.ON_DISK)
    else:
        yield from configured(host)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
