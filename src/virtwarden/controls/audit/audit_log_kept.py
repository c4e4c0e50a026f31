"""The audit log is large enough, and a full disk does not end it in silence.

A log of a few megabytes turns over within minutes once somebody makes noise, and with it goes the record of
how they came in. Actions of `ignore` make auditd carry on as if it still wrote.

Judged: `max_log_file` times `num_logs` against the policy's least amount, and what auditd.conf does when a
log or the disk is full or cannot be written. `keep_logs` keeps everything.

Fix: set the values in auditd.conf, then make auditd read it again (`auditctl --signal reload`, or SIGHUP).

Proof: logs rotate at the set size, and a full test file system gives the set action.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.audit import AUDITD_CONF, AuditdConf
from virtwarden.facts.policy import Policy
from virtwarden.formats.digits import whole
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, passed, unknown
from virtwarden.model import Finding, Severity, State, Subject

_SUBJECT = Subject("file", AUDITD_CONF)
_ACTIONS = {"space_left_action": "syslog", "disk_full_action": "suspend", "disk_error_action": "suspend"}
_KNOWN = ("syslog", "rotate", "email", "exec ", "suspend", "single", "halt")
_LOG_MIB, _LOGS = "8", "5"


def check(host: Host) -> Findings:
    conf = host.get(AuditdConf)
    yield _kept(conf, host.get(Policy).audit.keep_mib)
    yield from _actions(conf)


def _kept(conf: AuditdConf, least: int) -> Finding:
    full = conf.value("max_log_file_action") or "rotate"
    evidence = [conf.cite(key) for key in ("max_log_file", "num_logs", "max_log_file_action")]
    if full == "keep_logs":
        return passed(_SUBJECT, "all logs are kept", *evidence, state=State.ON_DISK)
    size, logs = whole(conf.value("max_log_file") or _LOG_MIB), whole(conf.value("num_logs") or _LOGS)
    if size is None or logs is None:
        return unknown(
            _SUBJECT, "auditd does not start with a size that is no number", *evidence, state=State.ON_DISK
        )
    kept = size * max(logs, 1)
    if full == "rotate" and kept >= least:
        return passed(_SUBJECT, f"{kept} MiB of log are kept", *evidence, state=State.ON_DISK)
    fix = (
        file_change(AUDITD_CONF, SetLine("max_log_file", str(max(-(-least // int(_LOGS)), int(_LOG_MIB))))),
        file_change(AUDITD_CONF, SetLine("num_logs", _LOGS)),
        file_change(AUDITD_CONF, SetLine("max_log_file_action", "rotate")),
    )
    what = (
        f"{kept} MiB of log are kept, less than {least}" if full == "rotate" else f"a full log is met with {full}"
    )
    return failed(_SUBJECT, what, *fix, evidence=evidence, state=State.ON_DISK)


def _actions(conf: AuditdConf) -> Iterator[Finding]:
    for key, wanted in _ACTIONS.items():
        action = conf.value(key)
        if action == "ignore":
            change = file_change(AUDITD_CONF, SetLine(key, wanted))
            yield failed(_SUBJECT, f"{key} is ignore", change, evidence=[conf.cite(key)], state=State.ON_DISK)
        elif action is not None and not action.startswith(_KNOWN):
            message = f"auditd does not start with {key} = {action}"
            yield unknown(_SUBJECT, message, conf.cite(key), state=State.ON_DISK)
        else:
            said = action or "the daemon's default"
            yield passed(_SUBJECT, f"{key} is {said}", conf.cite(key), state=State.ON_DISK)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.LOW, sections=("enable-host-auditing",), check=check
)
