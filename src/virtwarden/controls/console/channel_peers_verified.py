"""TLS of channels, migrations and backups asks the other side for its certificate.

TLS that lets any client in keeps the words secret and tells nobody apart: whoever reaches the port takes a guest's
serial console, sends a guest of his own, or reads the disk that is backed up. QEMU asks for a certificate unless a
line of qemu.conf says that it need not.

Judged: `chardev_tls_x509_verify`, `migrate_tls_x509_verify` and `backup_tls_x509_verify` in qemu.conf, and
`default_tls_x509_verify` where they are not set.

Fix: set them to 1. Peers without a certificate are refused by guests that are started from then on.

Proof: a client without a certificate is refused, ours is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, passed
from virtwarden.model import Severity, State, Subject

DEFAULT = "default_tls_x509_verify"
KEYS = tuple(f"{service}_tls_x509_verify" for service in ("chardev", "migrate", "backup"))


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    for key in KEYS:
        subject, own = Subject("setting", key), getattr(conf, key)
        asks = next((each for each in (own, conf.default_tls_x509_verify) if each is not None), True)
        cited = [conf.cite(each) for each in ((key,) if own is not None else (key, DEFAULT))]
        if asks:
            yield passed(subject, "peers have to show a certificate", *cited, state=State.ON_DISK)
        else:
            fix = file_change(PATH, SetConf(key, 1))
            yield failed(subject, "any peer is let in", fix, evidence=cited, state=State.ON_DISK)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.MEDIUM, check=check)
