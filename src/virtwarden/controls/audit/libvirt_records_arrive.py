"""The audit log has the record of every running guest's start.

That libvirt is told to write records does not mean that they arrive: the kernel may have auditing switched
off, the daemon may not run, or the log may turn over within the hour. Without the start of a session nobody
can say later who ran the guest, with which disks and under which label. The blueprint reads these records
with `auvirt`, which audit 4.0 dropped.

Judged: for every running guest, the VIRT_CONTROL record with its uuid and the pid of its process.

Fix: see `libvirt-audit-on`, `auditd-running` and `audit-log-kept`. The record of a guest that runs already
comes with its next start.

Proof: a throw-away guest is started and stopped; its records arrive in the expected order.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.audit_records import GuestStarts
from virtwarden.facts.guests import Guests
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, State, Subject


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    if guests.liveness is not None:
        raise Unknown(f"which guests run: {guests.liveness}")
    alive = [guest for guest in guests.guests if guest.running]
    if not alive:
        guests.complete()
        yield notapplicable(HOST, "no guest runs", state=State.IN_FORCE)
        return
    try:
        starts = host.get(GuestStarts)
    except Absent as absent:
        yield unknown(HOST, f"whether the starts of guests are on record: {absent}", state=State.IN_FORCE)
        return
    for guest in alive:
        subject = Subject("guest", guest.name)
        record = starts.of(guest.uuid, guest.pid)
        if record is not None:
            yield passed(subject, "its start is on record", record, state=State.IN_FORCE)
            continue
        change = by_hand(Document("audit", "log"), "see libvirt-audit-on, auditd-running and audit-log-kept")
        evidence = starts.output.cite(f"no VIRT_CONTROL start of {guest.uuid} with vm-pid {guest.pid}")
        message = "the audit log has no record of its start"
        yield failed(subject, message, change, evidence=[evidence], state=State.IN_FORCE)
    guests.complete()


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=(
        "libvirt-auditing",
        "display-libvirt-records",
        "display-records-by-time",
        "display-records-by-guest",
        "display-all-events",
        "display-raw-records",
    ),
    check=check,
)
