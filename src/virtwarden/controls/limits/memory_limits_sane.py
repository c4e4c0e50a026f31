"""Memory limits of guests leave room for the guest and for QEMU.

`hard_limit` covers all of QEMU: the guest's memory, its display's, and whatever QEMU needs for itself. At the
limit the kernel kills the process, and the guest with it. The blueprint's `virsh memtune --hard-limit 1024`
is in KiB, so that its guest gets 1 MiB and dies at once; libvirt's own advice is to set no such limit without
need. There is one case of need: a guest that locks its memory may lock as much as it likes without one, and
what is locked the host never gets back.

Judged: in each guest's XML, on disk and in force: `hard_limit` above the guest's memory, unless that lies in
hugepages, which the limit does not count; `swap_hard_limit`, which is memory and swap together, not below
`hard_limit`; with `<locked/>`, a `hard_limit`. Guests with passed-through devices need none, since libvirt
bounds what they lock by their memory.

Fix: remove the limit, or set it to the guest's memory with half a GiB or more to spare, from what the guest was
seen to use; give a guest that locks its memory such a limit.

Proof: a throw-away guest with that limit fills its memory and lives; a process in its group that goes on is
killed.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import Edit, InsertElement, RemoveElement
from virtwarden.facts.capacity import size
from virtwarden.facts.cgroups import hard_limit
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Safety, Severity, State, Subject

_ROOM = 512 << 10
_LOCKED = "memoryBacking/locked"


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    judged = False
    for guest in guests:
        for definition in guest.definitions:
            if definition.has("memtune") or definition.has(_LOCKED):
                judged = True
                yield from _judged(guest, definition)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not judged:
        yield notapplicable(HOST, "no guest has a memory limit or needs one")


def _judged(guest: Guest, definition: Definition) -> Findings:
    subject, state = Subject("guest", guest.name), definition.state
    sound = True
    for message, path, edits in _wrongs(definition):
        sound = False
        fix = (Change(Document("domain", guest.name), edit, Safety.DISRUPTIVE) for edit in edits)
        yield failed(subject, message, *fix, evidence=[definition.cite(definition.line(path))], state=state)
    if sound and definition.memory_kib <= 0:
        why = "how much memory it may take: its XML does not say"
        yield unknown(subject, why, definition.cite(text="no <memory>"), state=state)
    elif sound:
        limit = hard_limit(definition)
        words = "it has no hard_limit" if limit is None else f"its hard_limit is {size(limit)}"
        yield passed(
            subject,
            f"{words}, its memory {size(definition.memory_kib)}",
            definition.cite(definition.line("memtune")),
            state=state,
        )


def _wrongs(definition: Definition) -> Iterator[tuple[str, str, tuple[Edit, ...]]]:
    """What is wrong, the element that says so, and what makes it right."""
    hard, swap = hard_limit(definition), definition.memtune("swap_hard_limit")
    memory = definition.memory_kib
    wanted = f"<hard_limit unit='KiB'>{memory + memory // 50 + _ROOM}</hard_limit>"
    in_hugepages = definition.has("memoryBacking/hugepages")
    if hard is not None and hard <= memory and not in_hugepages:
        message = f"its hard_limit of {size(hard)} does not hold its memory of {size(memory)} and QEMU"
        yield message, "memtune/hard_limit", (RemoveElement("memtune/hard_limit"),)
    if hard is not None and swap is not None and swap < hard:
        message = f"its swap_hard_limit of {size(swap)} is less than its hard_limit of {size(hard)}"
        yield message, "memtune/swap_hard_limit", (RemoveElement("memtune/swap_hard_limit"),)
    if hard is None and definition.has(_LOCKED):
        insert: Edit = InsertElement("memtune", wanted)
        if not definition.has("memtune"):
            insert = InsertElement(".", f"<memtune>{wanted}</memtune>")
        stale = (RemoveElement("memtune/hard_limit"),) if definition.has("memtune/hard_limit") else ()
        yield "it locks its memory and may lock any amount, without a hard_limit", _LOCKED, (*stale, insert)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("cgroups-libvirt", "cgroups-define"),
    check=check,
)
