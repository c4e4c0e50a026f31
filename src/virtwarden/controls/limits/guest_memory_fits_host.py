"""The memory of all guests together fits the host, with some left for the host itself.

Memory that was promised twice is found missing when guests ask for it at the same time. The kernel then swaps
until nothing answers, or picks a process to kill, and a guest of one owner dies because another's had work to
do: who may rent a guest may so take others down. The blueprint would have each guest held by a memory limit
of its control group; that limit kills QEMU at the first byte above it, and a sum that is too large stays so.

Judged: MemTotal against the sum of the guests' memory and `limits.host_reserve_mib` of the policy; on disk
all guests that are defined, in force those that run.

Fix: take memory from guests (`virsh setmaxmem`), move some to another host, or undefine those that are not
needed. Each guest takes it at its next start.

Proof: with all guests started and filling their memory, the host swaps nothing and the kernel kills nothing.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.capacity import HostMemory, size
from virtwarden.facts.domain import Definition
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Finding, Severity, State

_SHOWN = 3
_WHICH = {State.ON_DISK: "are defined", State.IN_FORCE: "run"}
_FIX = by_hand(
    Document("host", "memory"),
    "virsh setmaxmem GUEST SIZE --config for guests that need less, or move or undefine some guests",
)


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    memory = host.get(HostMemory)
    reserve = host.get(Policy).limits.host_reserve_mib * 1024
    if not guests.guests:
        guests.complete()
        yield notapplicable(HOST, "there are no guests")
        return
    yield _judged(guests, memory, reserve, State.ON_DISK)
    if guests.liveness is None:
        yield _judged(guests, memory, reserve, State.IN_FORCE)
    else:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _judged(guests: Guests, memory: HostMemory, reserve: int, state: State) -> Finding:
    definitions = [each for guest in guests.guests for each in guest.definitions if each.state is state]
    total = sum(definition.memory_kib for definition in definitions)
    message = (
        f"the {len(definitions)} guests that {_WHICH[state]} may take {size(total)}{_at_boot(guests, state)} "
        f"and the host keeps {size(reserve)}; it has {size(memory.total_kib)}"
    )
    evidence = [memory.evidence, *_largest(definitions)]
    if total + reserve > memory.total_kib:
        return failed(HOST, message, _FIX, evidence=evidence, state=state)
    if guests.unread:
        return unknown(HOST, f"{message}, but not all guests could be read", *guests.unread, state=state)
    silent = next((definition for definition in definitions if definition.memory_kib <= 0), None)
    if silent is not None:
        why = f"how much memory guest {silent.name} may take: its XML does not say"
        return unknown(HOST, why, silent.cite(text="no <memory>"), state=state)
    return passed(HOST, message, *evidence, state=state)


def _at_boot(guests: Guests, state: State) -> str:
    starting = [guest.on_disk.memory_kib for guest in guests.guests if guest.on_disk and guest.autostart]
    return f", {size(sum(starting))} of it at boot," if starting and state is State.ON_DISK else ""


def _largest(definitions: list[Definition]) -> list[Evidence]:
    by_size = sorted(definitions, key=lambda definition: -definition.memory_kib)
    return [definition.cite(definition.line("memory")) for definition in by_size[:_SHOWN]]


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("cgroups-overview",), check=check
)
