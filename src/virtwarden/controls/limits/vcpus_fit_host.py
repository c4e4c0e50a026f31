"""No guest has more processors than the host.

Virtual processors beyond the real ones add nothing and wait for each other: one that holds a lock is stopped
so that another may spin on it. Such a guest is slow, and keeps every processor of the host busy while it is.

Judged: each guest's `<vcpu>`, on disk and in force, against the processors that are online.

Fix: `virsh setvcpus GUEST NUMBER --maximum --config`; the guest takes it at its next start.

Proof: with all processors of the guest busy, the guest reports no steal time while the host is otherwise idle.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.capacity import HostProcessors
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    processors = host.get(HostProcessors)
    if not guests.guests:
        guests.complete()
        yield notapplicable(HOST, "there are no guests")
        return
    for guest in guests:
        for definition in guest.definitions:
            yield _judged(guest, definition, processors)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _judged(guest: Guest, definition: Definition, processors: HostProcessors) -> Finding:
    subject, state = Subject("guest", guest.name), definition.state
    message = f"it has {definition.vcpus} virtual processors, the host {processors.online}"
    evidence = (definition.cite(definition.line("vcpu")), processors.evidence)
    if definition.vcpus == 0:
        why = "how many virtual processors it may have: its XML gives no number"
        return unknown(subject, why, evidence[0], state=state)
    if definition.vcpus <= processors.online:
        return passed(subject, message, *evidence, state=state)
    command = f"virsh setvcpus {guest.name} {processors.online} --maximum --config, then restart the guest"
    change = by_hand(Document("domain", guest.name), command)
    return failed(subject, message, change, evidence=evidence, state=state)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.LOW, check=check)
