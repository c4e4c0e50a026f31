"""The audit log is written, is large enough, and a full disk does not end it in silence.

A log of a few megabytes turns over within minutes once somebody makes noise, and with it goes the record of
how they came in. Actions of `ignore` make auditd carry on as if it still wrote, and they are what auditd does
where its settings do not say: without `num_logs` it never rotates, without `max_log_file_action` a full log is
ignored. Distributions ship settings that say otherwise; a file that somebody shortened does not.

Judged: `write_logs`; `max_log_file` times `num_logs` against the policy's least amount; what auditd.conf does when
the disk runs low, is full or cannot be written; that `space_left` is larger than `admin_space_left`, since auditd
does not start otherwise. `keep_logs` keeps everything.

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
_ACTIONS = {
    "space_left_action": ("ignore", "syslog"),
    "admin_space_left_action": ("ignore", "suspend"),
    "disk_full_action": ("ignore", "suspend"),
    "disk_error_action": ("syslog", "suspend"),
}
"""By key what auditd does where it is not set (clear_config in its source), and what the fix has it do."""
_KNOWN = ("syslog", "rotate", "email", "exec ", "suspend", "single", "halt")
_LOG_MIB, _LOGS, _FEWEST = 8, 5, 2


def check(host: Host) -> Findings:
    conf = host.get(AuditdConf)
    if conf.value("write_logs") == "no":
        change = file_change(AUDITD_CONF, SetLine("write_logs", "yes"))
        evidence = [conf.cite("write_logs")]
        yield failed(_SUBJECT, "auditd writes no log", change, evidence=evidence, state=State.ON_DISK)
    yield _kept(conf, host.get(Policy).audit.keep_mib)
    yield from _actions(conf)
    yield from _order(conf)


def _kept(conf: AuditdConf, least: int) -> Finding:
    full = conf.value("max_log_file_action") or "ignore"
    evidence = [conf.cite(key) for key in ("max_log_file", "num_logs", "max_log_file_action")]
    if full == "keep_logs":
        return passed(_SUBJECT, "all logs are kept", *evidence, state=State.ON_DISK)
    size, logs = whole(conf.value("max_log_file") or "0"), whole(conf.value("num_logs") or "0")
    if size is None or logs is None:
        return unknown(
            _SUBJECT, "auditd does not start with a size that is no number", *evidence, state=State.ON_DISK
        )
    kept = size * logs
    if full == "rotate" and logs >= _FEWEST and kept >= least:
        return passed(_SUBJECT, f"{kept} MiB of log are kept", *evidence, state=State.ON_DISK)
    fix = (
        file_change(AUDITD_CONF, SetLine("max_log_file", str(max(-(-least // _LOGS), _LOG_MIB)))),
        file_change(AUDITD_CONF, SetLine("num_logs", str(_LOGS))),
        file_change(AUDITD_CONF, SetLine("max_log_file_action", "rotate")),
    )
    return failed(_SUBJECT, _shortage(full, logs, kept, least), *fix, evidence=evidence, state=State.ON_DISK)


def _shortage(full: str, logs: int, kept: int, least: int) -> str:
    if full != "rotate":
        return f"a full log is met with {full}"
    if logs < _FEWEST:
        return f"num_logs is {logs}: the log is never rotated and grows until the disk is full"
    return f"{kept} MiB of log are kept, less than {least}"


def _actions(conf: AuditdConf) -> Iterator[Finding]:
    for key, (default, wanted) in _ACTIONS.items():
        said = conf.value(key)
        action = said or default
        words = f"{key} is {action}" if said else f"{key} is not set, which means {action}"
        if action == "ignore":
            change = file_change(AUDITD_CONF, SetLine(key, wanted))
            yield failed(_SUBJECT, words, change, evidence=[conf.cite(key)], state=State.ON_DISK)
        elif not action.startswith(_KNOWN):
            message = f"auditd does not start with {key} = {action}"
            yield unknown(_SUBJECT, message, conf.cite(key), state=State.ON_DISK)
        else:
            yield passed(_SUBJECT, words, conf.cite(key), state=State.ON_DISK)


def _order(conf: AuditdConf) -> Iterator[Finding]:
    """That the last warning comes after the first; both may also be percentages, which do not compare with sizes."""
    first, last = (whole(conf.value(key) or "") for key in ("space_left", "admin_space_left"))
    if first is not None and last is not None and last >= first:
        message = f"space_left ({first}) is not larger than admin_space_left ({last}): auditd does not start"
        change = file_change(AUDITD_CONF, SetLine("space_left", str(last + last // 2 + 1)))
        evidence = [conf.cite("space_left"), conf.cite("admin_space_left")]
        yield failed(_SUBJECT, message, change, evidence=evidence, state=State.ON_DISK)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.LOW, sections=("enable-host-auditing",), check=check
)
