"""libvirt starts no guest without a security label.

`<seclabel type='none'/>` in a guest's XML takes it out of confinement, and whoever may edit one guest may
write it. With `security_require_confined` libvirt refuses to start such a guest, whoever defined it.

Judged: `security_require_confined` in qemu.conf; libvirt's default is not to.

Fix: set it to 1. The daemon restarts; guests that run are not disturbed, unconfined ones do not start again.

Proof: a throw-away guest with `<seclabel type='none'/>` can be defined and is refused at its start.
"""

from virtwarden.control import Control
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.judgements import setting
from virtwarden.model import Severity

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
    ),
)
