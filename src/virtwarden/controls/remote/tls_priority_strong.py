"""libvirt's TLS port offers no protocol version and no algorithm that is known to be weak.

TLS 1.0 and 1.1 rest on SHA-1 and MD5 and are retired (RFC 8996); ciphers without encryption or without
authentication are no protection at all. Fedora's and RHEL's libvirt leaves the choice to the host's policy for
all libraries. Debian's does not: it takes GnuTLS's `NORMAL`, which still allows TLS 1.0.

Judged: where TLS is offered, `tls_priority` (or what holds without it) read as GnuTLS reads it, with
/etc/gnutls/config and /etc/crypto-policies taken into account: what these do not allow no string brings back.

Fix: set `tls_priority` so that it leaves the old versions out. The daemon restarts.

Proof: `virt-warden prove remote`: no TLS before 1.2 and no broken cipher is agreed to, TLS 1.2 or 1.3 is.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.gnutls import Gnutls
from virtwarden.facts.remote import Remote, is_offered
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Severity, State, Subject

WANTED = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            if not is_offered(host, daemon, "tls"):
                yield notapplicable(subject, "TLS is not offered", *daemon.looked_at["tls"], state=State.ON_DISK)
                continue
            conf, gnutls = daemon.conf, host.get(Gnutls)
            priority = conf.tls_priority or ("@SYSTEM" if gnutls.system else "NORMAL")
            weaknesses = gnutls.weaknesses(priority)
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        evidence = (conf.cite("tls_priority"), *gnutls.evidence)
        shown = f"tls_priority is {conf.tls_priority}" if conf.tls_priority else f"the default, {priority}, holds"
        if weaknesses:
            fix = file_change(conf.path, SetConf("tls_priority", WANTED))
            message = f"{shown} and allows {', '.join(weaknesses)}"
            yield failed(subject, message, fix, evidence=evidence, state=State.ON_DISK)
        else:
            yield passed(subject, shown, *evidence, state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("tls-management",),
    check=check,
)
