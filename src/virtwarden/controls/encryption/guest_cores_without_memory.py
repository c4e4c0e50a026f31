"""Core dumps of QEMU leave the guest's memory out.

When QEMU crashes the kernel writes its memory to a file, or hands it to a collector that keeps it for weeks or
mails it to a vendor. QEMU's memory is its guest's: passwords, keys of its disks, and the master key with which
libvirt hands secrets over. QEMU marks guest memory so that dumps leave it out, unless it is told otherwise; a
guest that can crash its own QEMU decides when a dump is made.

Judged: `dump_guest_core` in qemu.conf is not on, unless `max_core` allows no dump at all; no guest has `<memory
dumpCore='on'>`, on disk and in force, unless the limit of its process allows no dump. libvirt before 2.2 has no
such setting and leaves guest memory in.

Fix: `dump_guest_core = 0` and `dumpCore='off'`; guests take both at their next start.

Proof: the mappings of guest memory in /proc/PID/smaps of a throw-away guest carry the flag `dd`.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.edits import SetAttribute, SetConf
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.processes import GuestProcesses
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Change, Document, Evidence, Finding, Safety, Severity, State, Subject

SINCE = (2, 2)


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    if host.get(Libvirt).at_least(*SINCE) is False:
        yield too_old(host.get(Libvirt), conf)
    else:
        yield of_conf(conf)
    for guest in host.get(Guests):
        for definition in guest.definitions:
            yield of_guest(host, guest, definition, conf)


def too_old(libvirt: Libvirt, conf: QemuConf) -> Finding:
    """What becomes of guests whose XML does not say, under a libvirt that has no default for them."""
    number = ".".join(map(str, libvirt.version or ()))
    message = f"libvirt {number} has no such setting: dumps have the memory of every guest whose XML does not say"
    evidence = [conf.cite("dump_guest_core"), *libvirt.evidence]
    steps = "set <memory dumpCore='off'> for each guest, or forbid the daemon core dumps with ulimit -c 0"
    fix = by_hand(Document("file", PATH), steps)
    return failed(Subject("setting", "dump_guest_core"), message, fix, evidence=evidence, state=State.ON_DISK)


def of_conf(conf: QemuConf) -> Finding:
    """The default for all guests."""
    subject = Subject("setting", "dump_guest_core")
    cited = (conf.cite("dump_guest_core"), conf.cite("max_core"))
    if not conf.dump_guest_core:
        return passed(subject, "dumps leave guest memory out", *cited, state=State.ON_DISK)
    if not conf.max_core:
        return passed(
            subject, "dumps would have guest memory, and max_core allows none", *cited, state=State.ON_DISK
        )
    change = file_change(PATH, SetConf("dump_guest_core", 0))
    message = f"dumps have guest memory, and max_core is {conf.max_core}"
    return failed(subject, message, change, evidence=cited, state=State.ON_DISK)


def of_guest(host: Host, guest: Guest, definition: Definition, conf: QemuConf) -> Finding:
    """What one definition says, and whether a dump could be made at all."""
    subject = Subject("guest", guest.name)
    said = definition.get("memory", "dumpCore")
    cited = definition.cite(definition.line("memory"))
    if said != "on":
        message = "its memory is left out" if said == "off" else "its memory is as qemu.conf says"
        return passed(subject, message, cited, state=definition.state)
    bars = _no_dump(host, guest, definition, conf)
    if bars is not None:
        message = "its memory would be in a dump, and none is made"
        return passed(subject, message, cited, bars, state=definition.state)
    change = Change(Document("domain", guest.name), SetAttribute("memory", "dumpCore", "off"), Safety.DISRUPTIVE)
    return failed(subject, "its memory is in its dumps", change, evidence=[cited], state=definition.state)


def _no_dump(host: Host, guest: Guest, definition: Definition, conf: QemuConf) -> Evidence | None:
    """What keeps dumps from being made; None where nothing is known to."""
    if definition.state is State.ON_DISK:
        return None if conf.max_core else conf.cite("max_core")
    try:
        process = host.get(GuestProcesses).processes.get(guest.name)
        limits = None if process is None else process.text("limits")
    except Unknown:
        return None
    for number, line in enumerate(limits.lines if limits is not None else (), 1):
        words = line.split()
        if words[:4] == ["Max", "core", "file", "size"] and limits is not None:
            return limits.cite(number) if words[4:6] == ["0", "0"] else None
    return None


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    check=check,
)
