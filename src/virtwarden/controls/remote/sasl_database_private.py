"""SASL's passwords and Kerberos keys can be read by their daemon alone.

SASL's database holds passwords in the clear, or what serves in their place, and a keytab holds the host's own
key: a local user who reads either of them logs in as an administrator of guests.

Judged: owner and mode of /etc/libvirt/passwd.db, /etc/sasl2/sasldb2, /etc/sasldb2, /etc/libvirt/krb5.tab, QEMU's
counterparts in /etc/qemu, and the files that `sasldb_path` and `keytab` name; also /etc/libvirt/auth.conf where it
holds the password with which this host logs in to another. QEMU's group may read what lies in
/etc/qemu, which QEMU opens as its own user, and Debian's group sasl its default database.

Fix: root as the owner, mode 0600.

Proof: an unprivileged user cannot open them.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetMode
from virtwarden.facts.sasl import Sasl
from virtwarden.host import Host, Stat
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Severity, Subject


def check(host: Host) -> Findings:
    sasl = host.get(Sasl)
    for stat in sasl.secrets:
        subject = Subject("file", stat.path)
        shown = f"{stat.owner}:{stat.group}, mode {stat.mode:04o}"
        if stat.uid == 0 and not stat.mode & _others(stat):
            yield passed(subject, f"is {shown}", stat.cite())
        else:
            fix = file_change(stat.path, SetMode(mode=0o660 & ~_others(stat), owner="root"))
            yield failed(subject, f"holds passwords or keys and is {shown}", fix, evidence=[stat.cite()])
    for refused in sasl.refused:
        yield unknown(Subject("file", refused.path or ""), refused.text, refused)
    if not sasl.secrets and not sasl.refused:
        yield notapplicable(HOST, "there is no SASL database and no keytab")


def _others(stat: Stat) -> int:
    """The rights that nobody but the daemon may have."""
    if stat.group == "sasl":
        return 0o007
    return 0o037 if stat.path.startswith("/etc/qemu/") else 0o077


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("sasl-users",),
    check=check,
)
