"""No setting that loosens QEMU for testing or for old hardware is left on.

Some settings exist to get over a hurdle once and stay: handing guests devices that their switch does not keep
apart, leaving QEMU its capabilities, hiding QEMU's abilities from libvirt, guessing an image's format from what
the guest wrote into it. Each takes a wall away for all guests.

Judged: `relaxed_acs_check` (0), `clear_emulator_capabilities` (1), `capability_filters` (none) and
`allow_disk_format_probing` (0) in qemu.conf; libvirt's defaults are right. libvirt of today no longer heeds the
last one, older ones do.

Fix: set the key to its safe value. The daemon restarts; guests take it at their next start.

Proof: a throw-away guest's /proc/PID/status shows `CapEff: 0000000000000000`.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host
from virtwarden.judgements import setting
from virtwarden.model import Severity

SETTINGS = (
    setting(
        QemuConf,
        "relaxed_acs_check",
        wanted=0,
        accepted={False},
        why="devices behind one switch reach each other past the IOMMU",
    ),
    setting(QemuConf, "clear_emulator_capabilities", wanted=1, accepted={True}, why="QEMU keeps capabilities"),
    setting(QemuConf, "capability_filters", wanted=(), accepted={()}, why="libvirt is kept from what QEMU can do"),
    setting(
        QemuConf,
        "allow_disk_format_probing",
        wanted=0,
        accepted={False},
        why="a guest can make its disk look like one that points to a file of the host",
    ),
)


def check(host: Host) -> Findings:
    for judge in SETTINGS:
        yield from judge(host)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("trusted-computing-base",),
    check=check,
)
