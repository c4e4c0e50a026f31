"""The audit log has a file system of its own.

On a shared one, whoever can fill it ends the recording: a guest that logs without end, a download, a backup that
went to the wrong place. And a log that grows takes the room that guests' images and libvirt need.

Judged: whether /var/log/audit is a mount point now.

Fix: make a volume for it at least twice as large as the logs that are kept, mount it at /var/log/audit with
nodev, nosuid and noexec in /etc/fstab, and move the old logs there while auditd is stopped.

Proof: a full /var and a full / leave auditd writing.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.audit_places import AuditPlaces
from virtwarden.facts.mounts import Mounts
from virtwarden.host import Host, Stat
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import Document, Severity, State, Subject

_LOG = "/var/log/audit"
_SUBJECT = Subject("file", _LOG)


def check(host: Host) -> Findings:
    found = host.get(AuditPlaces).own.get(_LOG)
    if found is None:
        yield notapplicable(_SUBJECT, "there is no audit log on this host", state=State.IN_FORCE)
        return
    place = found.real if isinstance(found, Stat) else _LOG
    mount, evidence = host.get(Mounts).holding(place)
    if mount.target == place:
        yield passed(_SUBJECT, "it is a file system of its own", evidence, state=State.IN_FORCE)
        return
    change = by_hand(Document("file", "/etc/fstab"), f"mount a volume at {_LOG}, and move the old logs there")
    message = f"it shares the file system at {mount.target}"
    yield failed(_SUBJECT, message, change, evidence=[evidence], state=State.IN_FORCE)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.LOW, sections=("enable-host-auditing",), check=check
)
