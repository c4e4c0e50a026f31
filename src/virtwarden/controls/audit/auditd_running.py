"""The audit daemon starts at boot and runs.

Without it records go to the system log at best, mixed with everything else and dropped when there are too
many. From audit 4.0 on a unit of its own loads the rules; with it disabled the daemon runs and records next
to nothing.

Judged: whether auditd.service is enabled, and audit-rules.service where the host has it; whether the kernel
knows a daemon (`auditctl -s`), or systemd says that it runs.

Fix: enable the units. auditd refuses `systemctl restart` by design; it is started, never restarted.

Proof: `auditctl -s` names the daemon's pid, and a record written by hand (`auditctl -m`) is found in the log.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.audit import AuditStatus
from virtwarden.facts.units import Units
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Severity, State, Subject

_DAEMON, _LOADER = "auditd.service", "audit-rules.service"


def check(host: Host) -> Findings:
    try:
        yield from _enabled(host.get(Units))
    except Unknown as refused:
        yield unknown(HOST, str(refused), *refused.evidence, state=State.ON_DISK)
    yield _runs(host)


def _enabled(units: Units) -> Findings:
    for name in (_DAEMON, _LOADER):
        known = units.files.get(name)
        if known is None and name == _LOADER:
            continue
        subject = Subject("unit", name)
        unit = units.enabled(name) or (units.enabled("auditd") if name == _DAEMON else None)
        if unit is not None:
            yield passed(subject, f"{name} starts at boot", unit.evidence, state=State.ON_DISK)
            continue
        message = f"{name} is {known.state}" if known else f"{name} does not start at boot"
        evidence = (
            known.evidence if known else Evidence("no unit of this name is enabled", path="/etc/systemd/system")
        )
        change = Change(Document("unit", name), SetState("enabled"))
        yield failed(subject, message, change, evidence=[evidence], state=State.ON_DISK)


def _runs(host: Host) -> Finding:
    subject = Subject("unit", _DAEMON)
    try:
        status = host.get(AuditStatus)
        pid = status.number("pid")
        if pid:
            return passed(
                subject, f"the audit daemon runs as process {pid}", status.cite("pid"), state=State.IN_FORCE
            )
        evidence = status.cite("pid")
    except (Absent, Unknown) as refused:
        try:
            unit = host.get(Units).running(_DAEMON)
        except (Absent, Unknown):
            return unknown(subject, str(refused), *refused.evidence, state=State.IN_FORCE)
        if unit is not None:
            return passed(subject, "the audit daemon runs", unit.evidence, state=State.IN_FORCE)
        evidence = Evidence("auditd.service is not active", argv=("systemctl", "list-units"))
    change = Change(Document("unit", _DAEMON), SetState("active"))
    return failed(subject, "no audit daemon runs", change, evidence=[evidence], state=State.IN_FORCE)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.HIGH, sections=("enable-host-auditing",), check=check
)
