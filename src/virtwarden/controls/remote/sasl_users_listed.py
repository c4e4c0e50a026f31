"""The users that may manage the host by SASL are listed.

Without `sasl_allowed_username_list` everybody whom SASL knows manages the host: with Kerberos that is each
principal of the realm, the lowest clerk's too.

Judged: `sasl_allowed_username_list` where a port that is offered asks for SASL. An empty list lets nobody in.

Fix: list the users by their full names (`alice@EXAMPLE.COM` with Kerberos).

Proof: a user who can log in but is not listed is refused, a listed one is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.remote import Remote, RemoteDaemon, is_offered
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Evidence, Severity, State, Subject

KEY = "sasl_allowed_username_list"


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            used = _uses(host, daemon)
            conf = daemon.conf
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        users, evidence = conf.sasl_allowed_username_list, (conf.cite(KEY), *used)
        if not used:
            yield notapplicable(subject, "no port asks for SASL", *daemon.looked_at["tcp"], state=State.ON_DISK)
        elif users is None or "*" in users:
            fix = by_hand(Document("file", conf.path), f"list the users that may manage guests in {KEY}")
            message = "whoever can log in by SASL manages the host"
            yield failed(subject, message, fix, evidence=evidence, state=State.ON_DISK)
        else:
            yield passed(subject, f"{len(users)} users are listed", *evidence, state=State.ON_DISK)


def _uses(host: Host, daemon: RemoteDaemon) -> list[Evidence]:
    found: list[Evidence] = []
    if is_offered(host, daemon, "tcp") and daemon.conf.auth_tcp == "sasl":
        found.append(daemon.conf.cite("auth_tcp"))
    if is_offered(host, daemon, "tls") and daemon.conf.auth_tls == "sasl":
        found.append(daemon.conf.cite("auth_tls"))
    return found


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-users",),
    check=check,
)
