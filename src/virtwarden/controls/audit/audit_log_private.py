"""Only root reads the audit log, the rules and the daemon's settings, and only root writes them.

The log tells which guests run for whom, which files are watched and which are not. Whoever can write it can
remove what he did; whoever can write the rules can see to it that nothing is recorded.

Judged: owner and mode of /var/log/audit, the logs in it, /etc/audit and the rules: root's, closed to others,
and not writable by the group.

Fix: set owner and mode.

Proof: a user without privileges cannot open the log, nor list its directory.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetMode
from virtwarden.facts.audit_places import AuditPlaces
from virtwarden.host import Host, Stat, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Finding, Severity, Subject

_FORBIDDEN = 0o027


def check(host: Host) -> Findings:
    found = host.get(AuditPlaces).own
    for path, entry in found.items():
        if isinstance(entry, Unknown):
            yield unknown(Subject("file", path), str(entry), *entry.evidence)
        else:
            yield _judged(entry)
    if not found:
        yield notapplicable(HOST, "there is no audit log and there are no rules on this host")


def _judged(stat: Stat) -> Finding:
    subject = Subject("file", stat.path)
    said = f"mode {stat.mode:04o}, owner {stat.owner}"
    if stat.uid == 0 and not stat.mode & _FORBIDDEN:
        return passed(subject, said, stat.cite())
    change = file_change(stat.path, SetMode(stat.mode & ~_FORBIDDEN & 0o7777, "root"))
    return failed(subject, said, change, evidence=[stat.cite()])


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("enable-host-auditing",), check=check
)
