"""Running guests hold a lock on their disks.

Nothing in a guest's definition keeps a second guest, or the same one on another host, from writing to the same
image; copied XML does it by accident. QEMU locks local images by itself, yet not block devices, nor what
another program opens. With a lock manager libvirt takes a lease on every disk before it starts a guest, and
refuses to start one whose disk is taken.

Judged: `lock_manager` in qemu.conf is `lockd` or `sanlock`; libvirt uses none unless it is set.

Fix: set it to `lockd`, which needs nothing else on a single host. The daemon restarts; running guests are
locked from their next start on.

Proof: a second throw-away guest with the disk of a running one does not start.
"""

from virtwarden.control import Control
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.judgements import setting
from virtwarden.model import Severity

CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("securing-storage-devices",),
    check=setting(
        QemuConf,
        "lock_manager",
        wanted="lockd",
        accepted={"lockd", "sanlock"},
        why="two guests may write to one disk",
    ),
)
