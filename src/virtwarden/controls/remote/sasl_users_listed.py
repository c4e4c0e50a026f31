"""The users that may manage the host by SASL are listed.

Without `sasl_allowed_username_list` everybody whom SASL knows manages the host: with Kerberos that is each
principal of the realm, the lowest clerk's too.

Judged: `sasl_allowed_username_list` where a port that is offered asks for SASL, or should by the policy's
`remote.sasl_over_tls`. An empty list lets nobody in.

Fix: list the users that the policy names as `remote.sasl_users`, by their full names (`alice@EXAMPLE.COM` with
Kerberos).

Proof: `virt-warden prove remote --user NAME --unlisted-user OTHER`: a user who can log in but is not listed is
refused, a listed one is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.policy import Policy
from virtwarden.facts.remote import Remote, asks_for_sasl
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Safety, Severity, State, Subject

KEY = "sasl_allowed_username_list"


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            used = asks_for_sasl(host, daemon)
            conf = daemon.conf
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        users, evidence = conf.sasl_allowed_username_list, (conf.cite(KEY), *used)
        if not used:
            yield notapplicable(subject, "no port asks for SASL", *daemon.looked_at["tcp"], state=State.ON_DISK)
        elif users is None or "*" in users:
            fix = _fix(conf.path, host.get(Policy).remote.sasl_users)
            message = "whoever can log in by SASL manages the host"
            yield failed(subject, message, fix, evidence=evidence, state=State.ON_DISK)
        else:
            yield passed(subject, f"{len(users)} users are listed", *evidence, state=State.ON_DISK)


def _fix(path: str, wanted: tuple[str, ...]) -> Change:
    if not wanted:
        return by_hand(Document("file", path), f"list the users that may manage guests in {KEY}")
    return file_change(path, SetConf(KEY, wanted), Safety.DISRUPTIVE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-users",),
    check=check,
)
