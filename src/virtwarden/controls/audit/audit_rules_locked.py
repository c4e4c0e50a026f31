"""The audit rules cannot be changed until the next boot, where the site wants that.

Whoever becomes root can empty the rules with one command before doing what they would record. With `-e 2` as
the last line the kernel refuses every change until it is booted again, and the attempt is itself recorded.

Judged: where the policy asks for it (`audit.immutable`): `-e 2` as the last word on `-e` on disk, and
`enabled 2` in the kernel.

Fix: a file of our own that sorts last in rules.d. From then on changes of rules need a reboot.

Proof: `auditctl -D` is refused, and the refusal is on record.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetLine
from virtwarden.facts.audit import AuditRules, AuditStatus
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Severity, State

_OWN = "/etc/audit/rules.d/99-virtwarden-lock.rules"


def check(host: Host) -> Findings:
    rules = host.get(AuditRules)
    written = rules.written
    if not host.get(Policy).audit.immutable:
        yield notapplicable(HOST, "the policy does not ask for locked audit rules")
        return
    controls = [(file, control) for file in written for control in file.rules.controls if control.option == "-e"]
    if controls and controls[-1][1].value == "2":
        file, control = controls[-1]
        yield passed(HOST, "the rules are locked as they are loaded", file.cite(control.line), state=State.ON_DISK)
    else:
        evidence = [file.cite(control.line) for file, control in controls] or [
            Evidence("no file says -e 2", path="/etc/audit/rules.d")
        ]
        yield failed(HOST, "the rules are not locked", _lock(rules), evidence=evidence, state=State.ON_DISK)
    yield _in_force(host)


def _lock(rules: AuditRules) -> Change:
    home = rules.home_of(_OWN)
    return file_change(home, Replace("-e 2\n") if home == _OWN else SetLine("-e", "2", " "))


def _in_force(host: Host) -> Finding:
    try:
        status = host.get(AuditStatus)
    except (Absent, Unknown) as refused:
        return unknown(HOST, str(refused), *refused.evidence, state=State.IN_FORCE)
    if status.number("enabled") == 2:
        return passed(HOST, "the kernel takes no change of rules", status.cite("enabled"), state=State.IN_FORCE)
    change = by_hand(Document("audit", "kernel"), "augenrules --load, once the lock is in rules.d")
    evidence = [status.cite("enabled")]
    return failed(HOST, "the kernel takes changes of rules", change, evidence=evidence, state=State.IN_FORCE)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.LOW, sections=("audit-rules-file",), check=check)
