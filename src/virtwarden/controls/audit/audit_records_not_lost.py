"""The kernel records, and loses no record.

Auditing that is switched off looks like auditing where nothing happens. Records that arrive faster than the
daemon takes them wait in the backlog; when it is full they are lost, and an attacker who makes enough noise
decides which.

Judged: `enabled`, `lost`, `backlog_limit`, `failure` and `rate_limit` of `auditctl -s`. The least backlog is the
policy's. `failure` 0 keeps quiet about records that are lost, and with a `rate_limit` the kernel throws records away.

Fix: `-b`, `-f` and `-r` in a file of rules.d raise the backlog, report losses and lift the limit; auditing is
switched on with `auditctl -e 1`. The counter of lost records is set back with `auditctl --reset-lost` once the cause
is gone.

Proof: a burst of harmless events under load leaves `lost` where it was.
"""

from collections.abc import Callable

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.audit import AuditRules, AuditStatus
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import HOST, Document, Severity, State, Subject

_OWN = "/etc/audit/rules.d/10-virtwarden-base.rules"
_KERNEL = Document("audit", "kernel")


def check(host: Host) -> Findings:
    status = host.get(AuditStatus)
    enabled = status.cite("enabled")
    if status.number("enabled") == 0:
        steps = "start auditd, which switches it on (auditctl -e 1), and remove -e 0 from the rules files"
        change = by_hand(_KERNEL, steps)
        message = "auditing is switched off"
        yield failed(_about("enabled"), message, change, evidence=[enabled], state=State.IN_FORCE)
    else:
        yield passed(_about("enabled"), "auditing is switched on", enabled, state=State.IN_FORCE)
    try:
        yield from _losses(status, host.get(Policy).audit.backlog_limit, _home(host))
    except Unknown as refused:
        yield unknown(HOST, str(refused), *refused.evidence, state=State.IN_FORCE)


def _about(name: str) -> Subject:
    """Each field is a subject of its own: one that only a person can mend does not undo what mends another."""
    return Subject("setting", name)


def _home(host: Host) -> str:
    try:
        return host.get(AuditRules).home_of(_OWN)
    except (Absent, Unknown):
        return _OWN


def _losses(status: AuditStatus, least: int, home: str) -> Findings:
    limit = status.number("backlog_limit")
    raise_it = file_change(home, SetLine("-b", str(least), " "))
    evidence = status.cite("backlog_limit")
    if limit < least:
        message = f"the backlog holds {limit} records, less than {least}"
        yield failed(_about("backlog_limit"), message, raise_it, evidence=[evidence], state=State.IN_FORCE)
    else:
        yield passed(_about("backlog_limit"), f"the backlog holds {limit} records", evidence, state=State.IN_FORCE)
    yield from _settings(status, home)
    lost = status.number("lost")
    if lost:
        change = by_hand(_KERNEL, "raise the backlog or narrow the noisiest rules, then auditctl --reset-lost")
        message = f"{lost} records were lost since the counter was last set back"
        yield failed(_about("lost"), message, change, evidence=[status.cite("lost")], state=State.IN_FORCE)
    else:
        yield passed(_about("lost"), "no record was lost", status.cite("lost"), state=State.IN_FORCE)


def _settings(status: AuditStatus, home: str) -> Findings:
    """What the kernel does when it cannot keep up; told as `flag` by audit 2 and before."""
    for name, option, wrong in _SWITCHES:
        if name not in status.fields:
            continue
        value = status.number(name)
        if wrong(value):
            change = file_change(home, SetLine(option, _WANTED[option], " "))
            message = _SAID[option].format(value)
            yield failed(_about(name), message, change, evidence=[status.cite(name)], state=State.IN_FORCE)


_SWITCHES: tuple[tuple[str, str, Callable[[int], bool]], ...] = (
    ("failure", "-f", lambda value: value == 0),
    ("flag", "-f", lambda value: value == 0),
    ("rate_limit", "-r", lambda value: value > 0),
)
_WANTED = {"-f": "1", "-r": "0"}
_SAID = {
    "-f": "the kernel keeps quiet about records that are lost (failure {})",
    "-r": "the kernel throws away all but {} records a second",
}


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("enable-host-auditing",), check=check
)
