"""Guests have the limits of their class.

A guest without limits may use all of the host's disks, its network and its processors, and starve the others
on purpose or by accident. Which guest may have how much, only the site can say: its policy puts guests into
classes. The blueprint limits by CPU shares, and takes 256 of 1024 for a quarter of the time; shares are a
ratio between guests that compete and no limit at all on an idle host, which a quota is.

Judged: for each guest that a class of the policy (`limits.classes`) names, its XML on disk and in force:
memory; CPU shares; the quota of the whole guest or of its virtual processors together; `<iotune>` or throttle
groups of each disk; `<bandwidth>` of each interface in both directions. Bursts above them are the site's.

Fix: set the limits in the guest's XML; `virsh schedinfo`, `blkdeviotune` and `domiftune` with `--live` set them
for a guest that runs.

Proof: a throw-away guest with these limits spins, writes and sends; it gets no more than a tenth above them,
and a second guest its own part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from virtwarden.control import Control, Findings
from virtwarden.edits import Edit, InsertElement, RemoveElement, SetAttribute
from virtwarden.facts.capacity import size
from virtwarden.facts.ceilings import cpu_percent, disk_rate, lowest, shares
from virtwarden.facts.domain import Definition, Disk, Guest, Interface
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import GuestClass, Policy, matches
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Safety, Severity, State, Subject

_PERIOD = 100_000


@dataclass(slots=True)
class _Excess:
    """One part of a guest that has more than its class allows: what is wrong, on which line, the edits that put
    it right on disk and the command that does for a running guest."""

    line: int | None
    words: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    command: str = ""


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    classes = host.get(Policy).limits.classes
    found = False
    for guest in guests:
        mine = {name: each for name, each in classes.items() if matches(guest.name, each.guests)}
        for definition in guest.definitions if mine else ():
            found = True
            yield from _judged(guest, definition, _strictest(mine.values()), ", ".join(mine))
    if not found:
        yield notapplicable(HOST, "no class of the policy names a guest of this host")
    elif guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _strictest(classes: Iterable[GuestClass]) -> GuestClass:
    every = list(classes)
    return GuestClass(
        guests=(),
        memory_mib=lowest(each.memory_mib for each in every),
        cpu_shares=lowest(each.cpu_shares for each in every),
        cpu_percent=lowest(each.cpu_percent for each in every),
        disk_iops=lowest(each.disk_iops for each in every),
        disk_mib_per_second=lowest(each.disk_mib_per_second for each in every),
        network_kib_per_second=lowest(each.network_kib_per_second for each in every),
    )


def _judged(guest: Guest, definition: Definition, limits: GuestClass, names: str) -> Findings:
    subject, state = Subject("guest", guest.name), definition.state
    within = True
    for excess in _excesses(guest.name, definition, limits):
        within = False
        document = Document("domain", guest.name)
        fix = [Change(document, edit, Safety.DISRUPTIVE) for edit in excess.edits]
        if not fix or state is State.IN_FORCE:
            fix = [by_hand(document, excess.command)]
        message = f"{'; '.join(excess.words)} (class {names})"
        yield failed(subject, message, *fix, evidence=[definition.cite(excess.line)], state=state)
    if within and limits.memory_mib is not None and definition.memory_kib <= 0:
        why = "how much memory it may take: its XML does not say"
        yield unknown(subject, why, definition.cite(text="no <memory>"), state=state)
    elif within:
        evidence = definition.cite(definition.line("name"))
        yield passed(subject, f"it keeps to the limits of class {names}", evidence, state=state)


def _excesses(name: str, definition: Definition, limits: GuestClass) -> Iterator[_Excess]:
    parts = [_memory(name, definition, limits), _processors(name, definition, limits)]
    parts += [_disk(name, definition, at, disk, limits) for at, disk in enumerate(definition.disks, 1)]
    parts += [_interface(name, at, nic, limits) for at, nic in enumerate(definition.interfaces, 1)]
    yield from (part for part in parts if part.words)


def _memory(name: str, definition: Definition, limits: GuestClass) -> _Excess:
    excess = _Excess(definition.line("memory"))
    most = limits.memory_mib
    if most is not None and definition.memory_kib > most << 10:
        excess.words.append(f"it may have {size(definition.memory_kib)} of memory, more than {size(most << 10)}")
        excess.command = f"virsh setmaxmem {name} {most}M --config, then restart the guest"
    return excess


def _processors(name: str, definition: Definition, limits: GuestClass) -> _Excess:
    excess = _Excess(definition.line("cputune") or definition.line("vcpu"))
    wanted: dict[str, int] = {}
    has = shares(definition)
    if limits.cpu_shares is not None and (has is None or has > limits.cpu_shares):
        excess.words.append(f"it has {'no' if has is None else has} CPU shares, not {limits.cpu_shares} at most")
        wanted["shares"] = limits.cpu_shares
    ceiling = cpu_percent(definition)
    if limits.cpu_percent is not None and (ceiling is None or ceiling > limits.cpu_percent):
        amount = "any amount" if ceiling is None else f"{ceiling:.0f} %"
        excess.words.append(f"it may take {amount} of a processor, not {limits.cpu_percent} % at most")
        wanted |= {"global_period": _PERIOD, "global_quota": _PERIOD * limits.cpu_percent // 100}
    xml = [f"<{key}>{value}</{key}>" for key, value in wanted.items()]
    if not definition.has("cputune"):
        excess.edits = [InsertElement(".", f"<cputune>{''.join(xml)}</cputune>")]
    else:
        stale = (f"cputune/{key}" for key in wanted)
        excess.edits = [RemoveElement(path) for path in stale if definition.has(path)]
        excess.edits += [InsertElement("cputune", element) for element in xml]
    values = " ".join(f"{key.replace('shares', 'cpu_shares')}={value}" for key, value in wanted.items())
    excess.command = f"virsh schedinfo {name} --live {values}"
    return excess


def _disk(name: str, definition: Definition, at: int, disk: Disk, limits: GuestClass) -> _Excess:
    excess = _Excess(disk.line)
    if disk.device in ("cdrom", "floppy"):
        return excess
    wanted: dict[str, int] = {}
    iops = disk_rate(definition, disk, "iops")
    if limits.disk_iops is not None and (iops is None or iops > limits.disk_iops):
        excess.words.append(f"disk {disk.target} may do {iops or 'any number of'} IOPS, not {limits.disk_iops}")
        wanted["iops"] = limits.disk_iops
    rate, most = disk_rate(definition, disk, "bytes"), limits.disk_mib_per_second
    if most is not None and (rate is None or rate > most << 20):
        amount = "any amount" if rate is None else size(rate >> 10)
        excess.words.append(f"disk {disk.target} may move {amount} a second, not {most} MiB")
        wanted["bytes"] = most << 20
    path = f"devices/disk[{at}]"
    xml = [f"<total_{key}_sec>{value}</total_{key}_sec>" for key, value in wanted.items()]
    if disk.xml.find("iotune") is None:
        excess.edits = [InsertElement(path, f"<iotune>{''.join(xml)}</iotune>")]
    else:
        stale = (f"{path}/iotune/{kind}_{key}_sec" for key in wanted for kind in ("total", "read", "write"))
        excess.edits = [RemoveElement(each) for each in stale if definition.has(each)]
        excess.edits += [InsertElement(f"{path}/iotune", element) for element in xml]
    values = " ".join(f"--total-{key}-sec {value}" for key, value in wanted.items())
    excess.command = f"virsh blkdeviotune {name} {disk.target} --live {values}"
    return excess


def _interface(name: str, at: int, nic: Interface, limits: GuestClass) -> _Excess:
    excess = _Excess(nic.line)
    most = limits.network_kib_per_second
    if most is None:
        return excess
    path = f"devices/interface[{at}]"
    for way, has in (("inbound", nic.inbound), ("outbound", nic.outbound)):
        average = has.get("average")
        if average is not None and 0 < average <= most:
            continue
        excess.words.append(f"{way} of {nic.name} is {average or 'any amount of'} KiB a second, not {most}")
        if nic.xml.find(f"bandwidth/{way}") is not None:
            excess.edits.append(SetAttribute(f"{path}/bandwidth/{way}", "average", str(most)))
        else:
            excess.edits.append(InsertElement(f"{path}/bandwidth", f"<{way} average='{most}'/>"))
    if excess.edits and nic.xml.find("bandwidth") is None:
        both = f"<inbound average='{most}'/><outbound average='{most}'/>"
        excess.edits = [InsertElement(path, f"<bandwidth>{both}</bandwidth>")]
    excess.command = f"virsh domiftune {name} {nic.name} --live --inbound {most} --outbound {most}"
    if nic.kind == "hostdev":
        excess.edits = []
        excess.command = "ip link set CARD vf NUMBER max_tx_rate MBITS: libvirt cannot limit a passed-through card"
    return excess


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("cgroups-overview", "cgroups-define", "cgroups-libvirt"),
    check=check,
)
