"""The subjects of client certificates that may manage the host are listed one by one.

Without `tls_allowed_dn_list` every certificate that the authority ever issued manages the host, those of
servers too. A `*` in a pattern runs across commas and so across whole fields: `C=*,O=IBM,CN=*`, as the blueprint
has it, lets in `C=US,O=Evil,O=IBM,CN=anyone`. A pattern that matches the host's own certificate makes every
server's key an administrator's.

Judged: where TLS is offered, `tls_allowed_dn_list` (or `sasl_allowed_username_list` where `auth_tls` asks for a
log-in); each pattern by libvirt's own matching and spelling of subjects (in the certificate's order, no blanks
after commas), against the server certificates found on the host; the policy's `remote.allowed_dns` where it
names any. RHEL 6 matched with fnmatch(3), whose `*` crosses commas as well.

Fix: the list that the policy gives; without one, the exact subjects as `virt-pki-query-dn` prints them.

Proof: `virt-warden prove remote --unlisted DIR`: a listed client is let in; one whose subject is not listed, and one
with the server's certificate, are refused.
"""

from collections.abc import Iterable, Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.daemon_conf import DaemonConf
from virtwarden.facts.pki import Pki
from virtwarden.facts.policy import Policy
from virtwarden.facts.remote import Remote, is_offered
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Evidence, Safety, Severity, State, Subject
from virtwarden.pki.subjects import matches
from virtwarden.pki.verify.patterns import faults as pattern_faults

KEY = "tls_allowed_dn_list"
STEPS = "list the exact subjects, as virt-pki-query-dn prints them for each client certificate"


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            offered = is_offered(host, daemon, "tls")
            conf = daemon.conf
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        if offered:
            yield from _list(host, conf)
        else:
            message = "TLS is not offered"
            yield notapplicable(subject, message, *daemon.looked_at["tls"], state=State.ON_DISK)


def _list(host: Host, conf: DaemonConf) -> Findings:
    subject = Subject("setting", KEY)
    wanted = host.get(Policy).remote.allowed_dns
    fix = by_hand(Document("file", conf.path), STEPS)
    if wanted:
        fix = file_change(conf.path, SetConf(KEY, wanted), Safety.DISRUPTIVE)
    patterns = conf.tls_allowed_dn_list
    if patterns is None:
        users = conf.sasl_allowed_username_list
        if conf.auth_tls == "sasl" and users is not None:
            evidence = (conf.cite("auth_tls"), conf.cite("sasl_allowed_username_list"))
            yield passed(subject, "users that log in over TLS are listed", *evidence, state=State.ON_DISK)
            return
        message = f"{KEY} is not set: every certificate of the authority manages the host"
        yield failed(subject, message, fix, evidence=[conf.cite(KEY)], state=State.ON_DISK)
        return
    yield from _patterns(host, conf, patterns, fix)


def _patterns(host: Host, conf: DaemonConf, patterns: tuple[str, ...], fix: Change) -> Findings:
    cited = conf.cite(KEY)
    servers, refusal = _server_subjects(host)
    wanted = host.get(Policy).remote.allowed_dns
    if not patterns:
        yield passed(Subject("setting", KEY), "the list is empty: nobody is let in", cited, state=State.ON_DISK)
    for pattern in patterns:
        subject = Subject("pattern", pattern)
        faults = list(_faults(pattern, servers, wanted))
        if faults:
            evidence = [cited, *(where for name, where in servers if matches(pattern, name))]
            yield failed(subject, "; ".join(faults), fix, evidence=evidence, state=State.ON_DISK)
        else:
            yield passed(subject, "is one exact subject", cited, state=State.ON_DISK)
    if patterns and refusal is not None:
        message = f"whether a pattern matches a server's certificate: {refusal}"
        yield unknown(Subject("setting", KEY), message, *refusal.evidence, state=State.ON_DISK)


def _faults(pattern: str, servers: Iterable[tuple[str, Evidence]], wanted: tuple[str, ...]) -> Iterator[str]:
    for fault in pattern_faults(pattern, (name for name, _ in servers)):
        yield fault.message
    if wanted and pattern not in wanted:
        yield "the policy does not name it"


def _server_subjects(host: Host) -> tuple[list[tuple[str, Evidence]], Unknown | None]:
    try:
        pki = host.get(Pki)
    except (Absent, Unknown) as refused:
        return [], Unknown(str(refused), *refused.evidence)
    found = {
        certificate.subject: file.cite(line, certificate.subject)
        for file in pki.of("server")
        for line, certificate in file.certificates[:1]
    }
    try:
        pki.complete()
    except Unknown as refused:
        return list(found.items()), refused
    return list(found.items()), None


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("tls-step-5-daemon",),
    check=check,
)
