"""Guests migrate over TLS only.

Migration sends the whole memory of a guest, keys and passwords with it, from host to host. Unless the caller
remembers to ask for TLS it goes in the clear, and whoever is in between may read or change it.

Judged: `migrate_tls_force` in qemu.conf, with which libvirt refuses a migration without TLS.

Fix: set it to 1. Both hosts need certificates for migration first (/etc/pki/libvirt-migrate, or qemu's), each
good for server and client.

Proof: a migration without TLS is refused, one with TLS arrives.
"""

from virtwarden.control import Control
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host
from virtwarden.judgements import certificate_first, setting
from virtwarden.model import Change, Severity


def certificates(host: Host) -> tuple[Change, ...]:
    conf = host.get(QemuConf)
    own = conf.migrate_tls_x509_cert_dir or "/etc/pki/libvirt-migrate"
    return certificate_first(host, own, conf.default_tls_x509_cert_dir)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    check=setting(
        QemuConf,
        "migrate_tls_force",
        wanted=1,
        accepted={True},
        why="a migration may go in the clear",
        first=certificates,
    ),
)
