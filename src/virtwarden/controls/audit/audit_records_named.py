"""Audit records say who their users are and which host they come from.

A raw record has numbers: user 64055, system call 257, a socket address in hexadecimal. Read on another machine, or
after an account is gone, they mean something else or nothing. Where the logs of several hosts meet, records without
the host's name cannot be told apart, and neither can guests that are called alike.

Judged: `log_format`, which is RAW where it is not set, and `name_format`, which is none, where a plugin of auditd
hands records to another host or to the system log. audit before 2.6 knows no other format than RAW and is not judged
by it.

Fix: set `log_format = ENRICHED` and `name_format = hostname` in auditd.conf, then make auditd read it again
(`auditctl --signal reload`, or SIGHUP). Records grow by about a quarter. Records from before and after the host got
its name in them look like those of two hosts.

Proof: a record written by hand (`auditctl -m`) begins with `node=` and ends in names in capitals.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.audit import AUDITD_CONF, COMPILED, AuditdConf, AuditRules
from virtwarden.facts.audit_plugins import AuditPlugins
from virtwarden.facts.audit_tools import AuditTools
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Finding, Severity, State, Subject

_SUBJECT = Subject("file", AUDITD_CONF)
_OWN = "/etc/audit/rules.d/10-virtwarden-base.rules"
_SINCE = (2, 6)


def check(host: Host) -> Findings:
    conf = host.get(AuditdConf)
    yield _enriched(conf, host)
    yield _with_host(conf, host)


def _with_host(conf: AuditdConf, host: Host) -> Finding:
    name, evidence = conf.value("name_format") or "none", conf.cite("name_format")
    if name != "none":
        return passed(_SUBJECT, f"records name the host ({name})", evidence, state=State.ON_DISK)
    try:
        outwards = host.get(AuditPlugins).outwards
    except (Absent, Unknown) as refused:
        message = f"whether records leave this host: {refused}"
        return unknown(_SUBJECT, message, *refused.evidence, state=State.ON_DISK)
    if outwards is None:
        message = "records stay on this host and need not name it"
        return notapplicable(_SUBJECT, message, evidence, state=State.ON_DISK)
    change = file_change(AUDITD_CONF, SetLine("name_format", "hostname"))
    message = "records leave this host and do not name it"
    return failed(_SUBJECT, message, change, evidence=[outwards, evidence], state=State.ON_DISK)


def _enriched(conf: AuditdConf, host: Host) -> Finding:
    form, evidence = conf.value("log_format") or "raw", conf.cite("log_format")
    if form == "enriched":
        return passed(_SUBJECT, "records are enriched with names", evidence, state=State.ON_DISK)
    if _is_old(host):
        message = "this auditd knows no enriched records"
        return notapplicable(_SUBJECT, message, evidence, state=State.ON_DISK)
    change = file_change(AUDITD_CONF, SetLine("log_format", "ENRICHED"))
    message = f"records have numbers without names (log_format is {form})"
    return failed(_SUBJECT, message, change, evidence=[evidence], state=State.ON_DISK)


def _is_old(host: Host) -> bool:
    """By the version of auditctl; where that does not tell, by rules that are kept as they were before rules.d."""
    try:
        return host.get(AuditTools).version < _SINCE
    except (Absent, Unknown):
        pass
    try:
        return host.get(AuditRules).home_of(_OWN) == COMPILED
    except (Absent, Unknown):
        return False


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.LOW, sections=("enable-host-auditing",), check=check
)
