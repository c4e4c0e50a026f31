"""Auditing begins with the kernel, with a backlog that holds what happens before the daemon runs.

Processes that start before auditd carry no audit context for the rest of their lives unless the kernel was
booted with `audit=1`; libvirt and its guests are often among them. A short backlog drops the records of a busy
start. The blueprint puts the argument into menu.lst by hand, for one kernel: the next kernel boots without it.

Judged: `audit` and `audit_backlog_limit` on every kernel line of the boot loader, and on the line with which
the kernel was started. The least backlog is the policy's.

Fix: give both arguments to all kernels, with grubby or in /etc/default/grub; they hold from the next boot.

Proof: after a reboot /proc/cmdline shows them and `auditctl -s` the backlog.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.kernel import Boot, BootEntry
from virtwarden.facts.policy import Policy
from virtwarden.formats.digits import whole
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State

_KERNEL_LINE = Document("boot", "kernel line")


def check(host: Host) -> Findings:
    boot = host.get(Boot)
    least = host.get(Policy).audit.backlog_limit
    try:
        for entry in boot.configured():
            yield _judged(entry, least, State.ON_DISK)
    except Unknown as refused:
        yield unknown(HOST, str(refused), *refused.evidence, state=State.ON_DISK)
    try:
        yield _judged(boot.running(), least, State.IN_FORCE)
    except Unknown as refused:
        yield unknown(HOST, str(refused), *refused.evidence, state=State.IN_FORCE)


def _judged(entry: BootEntry, least: int, state: State) -> Finding:
    lacking = list(_lacking(entry, least))
    if not lacking:
        return passed(HOST, "the kernel line turns auditing on", entry.evidence, state=state)
    fix = (
        Change(_KERNEL_LINE, SetLine("audit", "1", "="), Safety.DISRUPTIVE),
        Change(_KERNEL_LINE, SetLine("audit_backlog_limit", str(least), "="), Safety.DISRUPTIVE),
    )
    message = f"the kernel line has {' and '.join(lacking)}"
    return failed(HOST, message, *fix, evidence=[entry.evidence], state=state)


def _lacking(entry: BootEntry, least: int) -> Iterator[str]:
    audit = entry.value("audit")
    if audit != "1":
        yield "no audit=1" if audit is None else f"audit={audit}"
    backlog = whole(entry.value("audit_backlog_limit") or "")
    if backlog is None:
        yield "no audit_backlog_limit"
    elif backlog < least:
        yield f"an audit_backlog_limit of {backlog}, less than {least}"


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("enable-host-auditing",), check=check
)
