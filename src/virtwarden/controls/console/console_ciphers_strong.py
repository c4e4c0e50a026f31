"""QEMU is not told to use TLS that is known to be weak.

qemu.conf of today has a line for the algorithms of each kind of connection: consoles, channels, migrations, backups.
Left alone they follow the host's policy. A line that was once needed for an old viewer lets TLS 1.0, or ciphers that
hide nothing, back in for everybody, and outlives the viewer.

Judged: `default_tls_priority` and the `_tls_priority` of vnc, chardev, migrate, backup and nbd in qemu.conf, read as
GnuTLS reads them. libvirt knows these keys from 11.6 on.

Fix: take the line out, so that the host's policy holds. Guests take it at their next start.

Proof: `virt-warden prove console`: no TLS before 1.2 and no broken cipher is agreed to, TLS 1.2 or 1.3 is.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine
from virtwarden.facts.gnutls import Gnutls
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Severity, State, Subject

KEYS = tuple(f"{service}_tls_priority" for service in ("default", "vnc", "chardev", "migrate", "backup", "nbd"))


def check(host: Host) -> Findings:
    conf, gnutls = host.get(QemuConf), host.get(Gnutls)
    given = [(key, str(value)) for key in KEYS if (value := getattr(conf, key)) is not None]
    for key, value in given:
        subject, cited = Subject("setting", key), conf.cite(key)
        try:
            weaknesses = gnutls.weaknesses(value)
        except Unknown as refused:
            yield unknown(subject, str(refused), cited, state=State.ON_DISK)
            continue
        if weaknesses:
            message = f"it is {value} and allows {', '.join(weaknesses)}"
            fix = file_change(PATH, RemoveLine(key))
            yield failed(subject, message, fix, evidence=[cited, *gnutls.evidence], state=State.ON_DISK)
        else:
            yield passed(subject, f"it is {value}", cited, *gnutls.evidence, state=State.ON_DISK)
    if not given:
        yield notapplicable(HOST, "QEMU follows the host's policy for TLS", conf.cite(KEYS[0]))


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.MEDIUM, check=check)
