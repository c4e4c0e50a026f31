"""SASL over plain TCP has to encrypt with at least 112 bits.

Over TCP nothing but SASL protects the session. libvirt insists on a security factor of 56 unless told otherwise,
which is single DES: a day's work to break. The blueprint takes GSSAPI for a guarantee of confidentiality; what
libvirt guarantees is no more than this number.

Judged: `tcp_min_ssf` where plain TCP is offered. libvirt before 7.10 has no such key and takes 56.

Fix: set `tcp_min_ssf` to 112, the least that libvirt accepts; on an older libvirt use TLS. Clients whose
Kerberos knows old ciphers only are then refused.

Proof: a client that offers 56 bits is refused.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.remote import Remote, is_offered
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Document, Severity, State, Subject

LEAST = 112


def check(host: Host) -> Findings:
    obeyed = host.get(Libvirt).at_least(7, 10, 0)
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            if not is_offered(host, daemon, "tcp"):
                message = "plain TCP is not offered"
                yield notapplicable(subject, message, *daemon.looked_at["tcp"], state=State.ON_DISK)
                continue
            conf = daemon.conf
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        cited = conf.cite("tcp_min_ssf")
        if obeyed is False:
            steps = "turn plain TCP off and use TLS, or update libvirt to 7.10 or later"
            message = "this libvirt is content with 56 bits and cannot be told otherwise"
            fix = by_hand(Document("file", conf.path), steps)
            yield failed(subject, message, fix, evidence=[cited], state=State.ON_DISK)
        elif conf.tcp_min_ssf < LEAST:
            fix = file_change(conf.path, SetConf("tcp_min_ssf", LEAST))
            message = f"tcp_min_ssf is {conf.tcp_min_ssf}"
            yield failed(subject, message, fix, evidence=[cited], state=State.ON_DISK)
        else:
            yield passed(subject, f"tcp_min_ssf is {conf.tcp_min_ssf}", cited, state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-authentication",),
    check=check,
)
