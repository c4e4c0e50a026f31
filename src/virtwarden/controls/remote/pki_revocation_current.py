"""A revocation list stands ready where TLS is offered, and it is current.

A lost laptop's certificate opens the host until it expires, unless a revocation list says otherwise. libvirt heeds
`crl_file` only where certificate, key and authority are set too; else it reads /etc/pki/CA/cacrl.pem if there is
one. GnuTLS does not let an outdated list vouch for anything.

Judged: every revocation list of the PKI: whether the authority signed it and whether its time is up, at the time
of the scan; where TLS is offered, whether libvirt has one; whether `crl_file` is heeded.

Fix: issue a list, if an empty one, and renew it before its time is up; then `virt-admin server-update-tls`.

Proof: `virt-warden prove remote --revoked DIR`: a client whose certificate is on the list is refused, ours is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.pki import Pki, PkiFile
from virtwarden.facts.remote import Remote, RemoteDaemon, is_offered
from virtwarden.host import Absent, Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, Subject

DEFAULT = "/etc/pki/CA/cacrl.pem"
RENEW = "issue a new list with the authority's key, install it and run virt-admin server-update-tls"


def check(host: Host) -> Findings:
    pki = host.get(Pki)
    lists = list(pki.of("revocation"))
    for file in lists:
        yield from _judged(host, pki, file)
    offered = False
    try:
        for daemon in host.get(Remote).daemons:
            if is_offered(host, daemon, "tls"):
                offered = True
                yield from _present(daemon, lists)
    except Absent:
        offered = False
    pki.complete()
    if not lists and not offered:
        yield notapplicable(HOST, "TLS is not offered and there is no revocation list")


def _judged(host: Host, pki: Pki, file: PkiFile) -> Findings:
    subject, document = Subject("file", file.path), Document("file", file.path)
    if not file.revocations:
        message = file.problem or "holds no revocation list"
        if file.problem and not file.malformed:
            yield unknown(subject, message, file.cite())
        else:
            yield failed(subject, message, by_hand(document, RENEW), evidence=[file.cite(1, message)])
    # The library takes long to load, and few hosts have a list.
    from virtwarden.pki.verify.revocation import of_list  # noqa: PLC0415

    for revocation in file.revocations:
        ends = revocation.next_update
        shown = f"list of {revocation.issuer}, valid until {ends:%Y-%m-%d}" if ends else "list without an end"
        cited = file.cite(1, shown)
        faults = list(of_list(revocation, [authority for _, authority in pki.authorities()], host.taken_at))
        for fault in faults:
            yield failed(subject, fault.message, by_hand(document, RENEW), evidence=[cited])
        if not faults:
            yield passed(subject, shown, cited)


def _present(daemon: RemoteDaemon, lists: list[PkiFile]) -> Findings:
    subject, conf = Subject("daemon", daemon.name), daemon.conf
    if conf.crl_file and not (conf.ca_file and conf.cert_file and conf.key_file):
        steps = "set ca_file, cert_file and key_file as well"
        message = "crl_file is not heeded without ca_file, cert_file and key_file"
        fix = by_hand(Document("file", conf.path), steps)
        yield failed(subject, message, fix, evidence=[conf.cite("crl_file")])
        return
    wanted = conf.crl_file or DEFAULT
    if any(file.path == wanted for file in lists):
        return
    fix = by_hand(Document("file", wanted), RENEW)
    message = f"there is no revocation list at {wanted}"
    yield failed(subject, message, fix, evidence=[conf.cite("crl_file")])


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("tls-management",),
    check=check,
)
