"""The memory limit that a guest is meant to have holds for its process.

A limit in the XML is a wish. `virsh memtune --config` alone changes nothing for a guest that runs, and one set
in the guest's group by hand is gone when systemd next writes the group. Nor is the group where the blueprint
has it: with systemd it lies below machine.slice, under a name that cannot be foretold.

Judged: for each running guest with a `hard_limit`, that on disk if there is one: the lowest of `memory.max`
(version 2) or `memory.limit_in_bytes` (version 1) in the group of its process and the groups above.

Fix: `virsh memtune GUEST --hard-limit KIB --live --config`.

Proof: the group of the guest's process shows the limit, and a throw-away guest's process that exceeds it is
killed, and it alone.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.capacity import size
from virtwarden.facts.cgroups import MemoryLimits, wanted_limit
from virtwarden.facts.domain import Guest
from virtwarden.facts.guests import Guests
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    judged = False
    for guest in guests:
        wanted = wanted_limit(guest)
        if guest.running and wanted is not None:
            judged = True
            yield _judged(guest, wanted, host.get(MemoryLimits))
    if guests.liveness is not None:
        raise Unknown(f"which guests run: {guests.liveness}")
    if not judged:
        yield notapplicable(HOST, "no running guest has a hard_limit")


def _judged(guest: Guest, wanted: int, limits: MemoryLimits) -> Finding:
    subject = Subject("guest", guest.name)
    limit = limits.limits.get(guest.name)
    if limit is None:
        return unknown(subject, f"its limit in force: {limits.refused[guest.name]}", state=State.IN_FORCE)
    if limit.kib is not None and limit.kib <= wanted:
        message = f"its process may have {size(limit.kib)} of the {size(wanted)} that its XML gives it"
        return passed(subject, message, limit.evidence, state=State.IN_FORCE)
    if limit.refusal:
        return unknown(subject, f"its limit in force: {limit.refusal}", limit.evidence, state=State.IN_FORCE)
    held = "nothing holds its process" if limit.kib is None else f"its process is held to {size(limit.kib)}"
    change = by_hand(
        Document("guest", guest.name), f"virsh memtune {guest.name} --hard-limit {wanted} --live --config"
    )
    meant = guest.definitions[0]
    evidence = [limit.evidence, meant.cite(meant.line("memtune"))]
    message = f"{held}, its XML says {size(wanted)}"
    return failed(subject, message, change, evidence=evidence, state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("cgroups-add-tasks", "cgroups-libvirt"),
    check=check,
)
