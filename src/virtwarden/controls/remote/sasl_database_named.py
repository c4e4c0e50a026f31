"""The database of SASL's users is the one that is looked after.

SASL's own tool writes to a database that all services of the host share unless it is told another, and libvirt reads
that shared one unless its conf file names its own. An account that somebody once made for mail then manages guests, and
a user who is taken out of one database stays in the other.

Judged: `sasldb_path` in SASL's conf files for libvirt and QEMU where they are used with mechanisms that look users up
by password, or will be by the policy: it is named, and is not the shared database.

Fix: name `/etc/libvirt/passwd.db`, or `/etc/qemu/passwd.db`. Users of the shared database have to be added there:
`virt-warden sasl add`.

Proof: a user of the shared database is refused, one whom `virt-warden sasl list` shows is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.policy import Policy
from virtwarden.facts.sasl import Sasl, SaslConf
from virtwarden.facts.sasl_users import RETIRED, SERVED, USUAL, database_of
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Evidence, Finding, Safety, Severity, State, Subject

SHARED = ("/etc/sasldb2", "/etc/sasl2/sasldb2")


def check(host: Host) -> Findings:
    sasl, policy = host.get(Sasl), host.get(Policy).remote
    wanted = frozenset({policy.sasl_mechanism} if policy.sasl_over_tls else ())
    for service in USUAL:
        subject = Subject("service", service)
        try:
            yield _judged(subject, sasl.of(service), wanted if service == "libvirt" else frozenset())
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)


def _judged(subject: Subject, conf: SaslConf, wanted: frozenset[str]) -> Finding:
    listed, named = conf.get("mech_list"), conf.get("sasldb_path")
    whole = Evidence("mech_list is not set", path=conf.path)
    cited = listed.evidence if listed else whole
    if not (SERVED | RETIRED) & {*((conf.mechanisms or ()) if listed else ()), *wanted}:
        message = "no mechanism that it names looks up passwords"
        return notapplicable(subject, message, cited, state=State.ON_DISK)
    evidence = [cited, *([named.evidence] if named else [])]
    path = database_of(conf)
    if path is not None and path not in SHARED:
        return passed(subject, f"its users are in {path}", *evidence, state=State.ON_DISK)
    message = f"its users are in {path}" if path else "it names no database of its own"
    fix = file_change(conf.path, SetLine("sasldb_path", USUAL[subject.name], ": "), Safety.DISRUPTIVE)
    return failed(
        subject, f"{message}: the one that all services share", fix, evidence=evidence, state=State.ON_DISK
    )


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-users",),
    check=check,
)
