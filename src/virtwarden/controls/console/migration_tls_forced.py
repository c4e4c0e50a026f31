"""Guests migrate over TLS only.

Migration sends the whole memory of a guest, keys and passwords with it, from host to host. Unless the caller
remembers to ask for TLS it goes in the clear, and whoever is in between may read or change it.

Judged: `migrate_tls_force` in qemu.conf, with which libvirt refuses a migration without TLS. libvirt before 3.2 has no
TLS for migrations and passes over the key.

Fix: set it to 1. Both hosts need certificates for migration first (/etc/pki/libvirt-migrate, or qemu's), each
good for server and client. With an older libvirt, a network for migrations that nobody else is on.

Proof: a migration without TLS is refused, one with TLS arrives.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QEMU_CONF, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, certificate_first, failed, setting
from virtwarden.model import Change, Severity, State, Subject

KEY = "migrate_tls_force"
KNOWS_TLS = (3, 2, 0)
STEPS = "migrate over a network that nobody else is on, or update libvirt"


def certificates(host: Host) -> tuple[Change, ...]:
    return certificate_first(host, host.get(QemuConf).certificate_directories("migrate"))


_SETTING = setting(
    QemuConf, KEY, wanted=1, accepted={True}, why="a migration may go in the clear", first=certificates
)


def check(host: Host) -> Findings:
    conf, libvirt = host.get(QemuConf), host.get(Libvirt)
    if libvirt.at_least(*KNOWS_TLS) is not False:
        yield from _SETTING(host)
        return
    message, evidence = "this libvirt has no TLS for migrations", [conf.cite(KEY), *libvirt.evidence]
    fix = by_hand(QEMU_CONF, STEPS)
    yield failed(Subject("setting", KEY), message, fix, evidence=evidence, state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    check=check,
)
