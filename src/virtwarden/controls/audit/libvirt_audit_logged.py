"""libvirt writes its audit records to its own log as well.

The audit log is for root alone, can be full, and auditd may not run. libvirt's log reaches the system log and
whoever collects that, so that a second, independent record of each start, stop and device of a guest is kept, at the
price of some lines a guest. The blueprint sets it beside `audit_level`; it is off by default.

Judged: `audit_logging` of the daemon that runs the guests: libvirtd, or virtqemud on hosts with a daemon a driver;
libvirt before 0.8.7 does not know it.

Fix: set it to 1. The daemon restarts; guests keep running. The lines are of level info: `log_filters` or `log_level`
has to let that level through.

Proof: the start of a throw-away guest gives lines with `virt=` and its name in libvirt's log.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.daemon_conf import DaemonConfs
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, notapplicable, passed
from virtwarden.model import Severity, State, Subject

_SUBJECT = Subject("setting", "audit_logging")
_SINCE = (0, 8, 7)


def check(host: Host) -> Findings:
    conf = host.get(DaemonConfs).qemu
    evidence = conf.cite("audit_logging")
    if host.get(Libvirt).at_least(*_SINCE) is False:
        yield notapplicable(_SUBJECT, "this libvirt does not know it", evidence, state=State.ON_DISK)
    elif conf.audit_logging:
        yield passed(_SUBJECT, "it is 1", evidence, state=State.ON_DISK)
    else:
        change = file_change(conf.path, SetConf("audit_logging", 1))
        message = "it is 0: libvirt's records go to the audit log alone"
        yield failed(_SUBJECT, message, change, evidence=[evidence], state=State.ON_DISK)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.INFO, sections=("enable-libvirt-auditing",), check=check
)
