"""libvirt writes its records to the audit system.

They say which guest was started, with which resources and under which label: what no other log has. libvirt
does so by default where it can (`audit_level` 1); 0 ends it. The blueprint shows 1 as a change from 0; it is
the default today. On hosts with a daemon a driver the setting that counts is virtqemud's.

Judged: `audit_level` of the daemon that runs the guests; libvirt before 0.8.7 has no such records.

Fix: set it to 1. The daemon restarts; guests keep running. 2 is stricter: the daemon does not start where the
kernel offers no auditing.

Proof: the start and the end of a throw-away guest give VIRT_MACHINE_ID, VIRT_RESOURCE and VIRT_CONTROL
records.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.daemon_conf import DaemonConfs
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Document, Severity, State, Subject

SINCE = (0, 8, 7)


def check(host: Host) -> Findings:
    conf = host.get(DaemonConfs).qemu
    libvirt = host.get(Libvirt)
    subject = Subject("setting", "audit_level")
    evidence = conf.cite("audit_level")
    if libvirt.at_least(*SINCE) is False:
        message = f"libvirt {'.'.join(map(str, libvirt.version or ()))} writes no audit records"
        newer = by_hand(Document("file", conf.path), "install a release of the distribution with a newer libvirt")
        yield failed(subject, message, newer, evidence=libvirt.evidence, state=State.ON_DISK)
        return
    if conf.audit_level >= 1:
        message = f"it is {conf.audit_level}"
        yield passed(subject, message, evidence, state=State.ON_DISK)
        return
    change = file_change(conf.path, SetConf("audit_level", 1))
    message = "it is 0: libvirt writes no audit records"
    yield failed(subject, message, change, evidence=[evidence], state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("libvirt-auditing", "enable-libvirt-auditing"),
    check=check,
)
