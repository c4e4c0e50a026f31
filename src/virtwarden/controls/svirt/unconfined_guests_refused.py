"""libvirt starts no guest without a security label.

`<seclabel type='none'/>` in a guest's XML takes it out of confinement, and whoever may edit one guest may
write it. With `security_require_confined` libvirt refuses to start such a guest, whoever defined it.

Judged: `security_require_confined` in qemu.conf; libvirt's default is not to.

Fix: set it to 1, on a host that runs SELinux or AppArmor: on any other libvirt's daemon does not start with it. The
daemon restarts; guests that run are not disturbed, unconfined ones do not start again.

Proof: a throw-away guest with `<seclabel type='none'/>` can be defined and is refused at its start.
"""

from virtwarden.control import Control
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, setting
from virtwarden.model import Change, Document, Severity

STEPS = "first boot with SELinux or AppArmor: without one of them libvirt does not start with this setting"


def module(host: Host) -> tuple[Change, ...]:
    """libvirt does not start any more where it is to confine guests and has nothing to confine them with."""
    try:
        if host.get(Confinement).module != "none":
            return ()
    except (Absent, Unknown):
        pass
    return (by_hand(Document("boot", "kernel line"), STEPS),)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("svirt-overview",),
    check=setting(
        QemuConf,
        "security_require_confined",
        wanted=1,
        accepted={True},
        why="a guest may be defined without confinement",
        first=module,
    ),
)
