"""libvirt's TLS port lets nobody in without a certificate that holds.

`tls_no_verify_certificate` takes any certificate, or none, from whoever connects: TLS then hides the words and
admits everybody. `tls_no_sanity_certificate` starts the daemon with a certificate that has expired or that
no client should trust, which teaches clients not to look.

Judged: both keys in libvirtd.conf, or in virtproxyd.conf where the modular daemons are in use.

Fix: set both to 0. The daemon restarts; a certificate that is not sound has to be replaced first.

Proof: `virt-warden prove remote`: clients without a certificate, with one that signs itself and with a foreign
authority's are refused, ours is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.remote import Remote
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, file_change, passed, unknown
from virtwarden.model import Safety, Severity, State, Subject

KEYS = {
    "tls_no_verify_certificate": "clients need no certificate",
    "tls_no_sanity_certificate": "the daemon starts with a certificate that does not hold",
}


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        try:
            conf = daemon.conf
        except Unknown as refused:
            yield unknown(Subject("daemon", daemon.name), str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        for key, consequence in KEYS.items():
            subject = Subject("setting", key)
            if getattr(conf, key):
                fix = file_change(conf.path, SetConf(key, 0), Safety.DISRUPTIVE)
                message = f"{key} is 1: {consequence}"
                yield failed(subject, message, fix, evidence=[conf.cite(key)], state=State.ON_DISK)
            else:
                yield passed(subject, f"{key} is 0", conf.cite(key), state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("tls-management", "tls-step-7-verify"),
    check=check,
)
