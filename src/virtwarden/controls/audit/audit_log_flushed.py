"""What auditd has written reaches the disk, and what it passes on is not dropped in silence.

With `flush = none` the last records are lost when the host goes down, and an attacker who takes the host down has
his own last. It is what auditd does where its settings do not say. Records that are passed on to other programs,
to another host among them, wait in a queue; a short one overflows, and `overflow_action = ignore` says nothing.

Judged: `flush` and `freq`, `q_depth` and `overflow_action` of auditd.conf. `incremental` and `incremental_async`
write every `freq` records; auditd does not start with either and a `freq` of 0.

Fix: set the values in auditd.conf, then make auditd read it again (`auditctl --signal reload`, or SIGHUP).

Proof: a record written by hand (`auditctl -m`) is in the log after at most `freq` more.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.audit import AUDITD_CONF, AuditdConf
from virtwarden.formats.digits import whole
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, passed, unknown
from virtwarden.model import Finding, Severity, State, Subject

_SUBJECT = Subject("file", AUDITD_CONF)
_BY_COUNT = ("incremental", "incremental_async")
_ALWAYS = ("data", "sync")
_FREQ, _MOST = "50", 1000
_SHORTEST = 512
"""auditd itself warns of a queue that is not longer."""
_DEPTH = "2000"


def check(host: Host) -> Findings:
    conf = host.get(AuditdConf)
    yield _flushed(conf)
    yield from _queued(conf)


def _flushed(conf: AuditdConf) -> Finding:
    flush, freq = conf.value("flush") or "none", whole(conf.value("freq") or "0")
    evidence = [conf.cite("flush"), conf.cite("freq")]
    if flush in _ALWAYS:
        return passed(_SUBJECT, f"every record is written at once ({flush})", evidence[0], state=State.ON_DISK)
    if flush not in (*_BY_COUNT, "none"):
        message = f"auditd does not start with flush = {flush}"
        return unknown(_SUBJECT, message, evidence[0], state=State.ON_DISK)
    if flush in _BY_COUNT and freq is not None and 0 < freq <= _MOST:
        return passed(_SUBJECT, f"every {freq} records are written together", *evidence, state=State.ON_DISK)
    fix = [file_change(AUDITD_CONF, SetLine("freq", _FREQ))]
    if flush == "none":
        fix.insert(0, file_change(AUDITD_CONF, SetLine("flush", "incremental_async")))
        message = "nothing makes records reach the disk (flush is none)"
    else:
        message = f"records are written together only every {'?' if freq is None else freq}"
    return failed(_SUBJECT, message, *fix, evidence=evidence, state=State.ON_DISK)


def _queued(conf: AuditdConf) -> Iterator[Finding]:
    if conf.value("overflow_action") == "ignore":
        change = file_change(AUDITD_CONF, SetLine("overflow_action", "syslog"))
        message = "records that cannot be passed on are dropped in silence (overflow_action is ignore)"
        yield failed(_SUBJECT, message, change, evidence=[conf.cite("overflow_action")], state=State.ON_DISK)
    depth = conf.value("q_depth")
    number = whole(depth or _DEPTH)
    if number is None:
        message = f"auditd does not start with q_depth = {depth}"
        yield unknown(_SUBJECT, message, conf.cite("q_depth"), state=State.ON_DISK)
    elif number <= _SHORTEST:
        change = file_change(AUDITD_CONF, SetLine("q_depth", _DEPTH))
        message = f"the queue of records that are passed on holds {number}"
        yield failed(_SUBJECT, message, change, evidence=[conf.cite("q_depth")], state=State.ON_DISK)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.LOW, sections=("enable-host-auditing",), check=check
)
