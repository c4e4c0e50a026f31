"""libvirt gives images to a guest for as long as it runs, and takes them back.

With `dynamic_ownership` images belong to root while the guest is off, so that no other process of QEMU's user
opens them. `remember_owner` notes whose they were before. Turned off, all images stay with QEMU's user for
good, and file permissions no longer tell one guest from another.

Judged: `dynamic_ownership` and `remember_owner` in qemu.conf; both are on by default.
libvirt before 5.0 remembers no owners.

Fix: set both to 1. Network storage that cannot change owners needs an exception with a waiver.

Proof: the image of a stopped throw-away guest belongs to root again.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host
from virtwarden.judgements import setting
from virtwarden.model import Severity

_WHY = {
    "dynamic_ownership": "images stay with QEMU's user while their guests are off",
    "remember_owner": "images go to root and not to those whose they were",
}


def check(host: Host) -> Findings:
    old = host.get(Libvirt).at_least(5, 0, 0) is False
    for key, why in _WHY.items():
        if not (old and key == "remember_owner"):
            yield from setting(QemuConf, key, wanted=1, accepted={True}, why=why)(host)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("svirt-overview",), check=check
)
