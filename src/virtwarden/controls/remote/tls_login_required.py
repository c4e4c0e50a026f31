"""Clients of libvirt's TLS port log in by name where the site wants them to.

A certificate says which machine or program comes; it lies in a file, and whoever can read that file is let in. A
name and password, or a Kerberos ticket, over the same TLS says which person it is, and can be taken back at once.

Judged: `auth_tls` of the daemon that listens, where the policy's `remote.sasl_over_tls` asks for it and TLS is offered.

Fix: set it to `sasl`. Clients without an account are refused from then on: give them one by `virt-warden sasl add`
first.

Proof: `virt-warden prove remote --user NAME`: a client with a certificate and no password gets no session, one with
both does.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.policy import Policy
from virtwarden.facts.remote import Remote, is_offered
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Safety, Severity, State, Subject

KEY = "auth_tls"


def check(host: Host) -> Findings:
    wanted = host.get(Policy).remote.sasl_over_tls
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            offered, conf = is_offered(host, daemon, "tls"), daemon.conf
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        if not offered:
            yield notapplicable(subject, "TLS is not offered", *daemon.looked_at["tls"], state=State.ON_DISK)
        elif conf.auth_tls == "sasl":
            yield passed(subject, "clients log in over TLS", conf.cite(KEY), state=State.ON_DISK)
        elif wanted:
            fix = file_change(conf.path, SetConf(KEY, "sasl"), Safety.DISRUPTIVE)
            message = f"{KEY} is {conf.auth_tls}: a certificate is enough"
            yield failed(subject, message, fix, evidence=[conf.cite(KEY)], state=State.ON_DISK)
        else:
            message = "the policy is content with certificates"
            yield notapplicable(subject, message, conf.cite(KEY), state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-authentication",),
    check=check,
)
