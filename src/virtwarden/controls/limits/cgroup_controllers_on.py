"""Guests are in control groups of their own, with all controllers that libvirt can use.

Without `devices` a guest's QEMU may open every device node that file permissions leave open; without `cpu`,
`memory` and `blkio` no limit in a guest's XML can be set, and libvirt refuses to start a guest that has one,
which is how limits come to be deleted instead.

Judged: on disk `cgroup_controllers` in qemu.conf, whose default is all of them; in force the groups of each
running guest's process. `/proc/PID/cgroup` has them; the blueprint's `/proc/<pid>/cgroups` does not exist.

Fix: name all of them. Guests take it at their next start.

Proof: a throw-away guest's QEMU cannot open /dev/mem, and its group shows what its XML sets.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.cgroups import groups_of
from virtwarden.facts.domain import Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.processes import GuestProcesses
from virtwarden.facts.qemu_conf import CONTROLLERS, PATH, QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import Document, Finding, Severity, State, Subject

_RESTART = "stop and start the guest, once cgroup_controllers names all controllers"


def check(host: Host) -> Findings:
    yield _on_disk(host.get(QemuConf))
    guests = host.get(Guests)
    for guest in guests:
        if guest.running:
            yield _in_force(host, guest)
    if guests.liveness is not None:
        subject = Subject("setting", "cgroup_controllers")
        yield unknown(subject, f"which guests run: {guests.liveness}", state=State.IN_FORCE)


def _on_disk(conf: QemuConf) -> Finding:
    subject = Subject("setting", "cgroup_controllers")
    missing = [name for name in CONTROLLERS if name not in conf.cgroup_controllers]
    evidence = conf.cite("cgroup_controllers")
    if not missing:
        return passed(subject, "libvirt uses all controllers", evidence, state=State.ON_DISK)
    change = file_change(PATH, SetConf("cgroup_controllers", CONTROLLERS))
    message = f"libvirt leaves out {', '.join(missing)}"
    return failed(subject, message, change, evidence=[evidence], state=State.ON_DISK)


def _in_force(host: Host, guest: Guest) -> Finding:
    subject = Subject("guest", guest.name)
    try:
        process = host.get(GuestProcesses).processes.get(guest.name)
        if process is None:
            return unknown(subject, "its process could not be looked at", state=State.IN_FORCE)
        groups = groups_of(process)
    except Unknown as refused:
        return unknown(subject, str(refused), *refused.evidence, state=State.IN_FORCE)
    named = [group for group in groups if set(group.controllers) & set(CONTROLLERS)]
    judged = named or [group for group in groups if not group.controllers]
    if not judged:
        evidence = process.text("cgroup").cite(text="no group of any controller")
        return unknown(subject, "the groups of its process make no sense", evidence, state=State.IN_FORCE)
    astray = [group for group in judged if not group.is_own]
    if not astray:
        message = f"its process is in {judged[0].path}"
        return passed(subject, message, *(group.evidence for group in judged), state=State.IN_FORCE)
    which = ", ".join(",".join(group.controllers) or "version 2" for group in astray)
    message = f"its process is in {astray[0].path}, which is no group of its own, for {which}"
    change = by_hand(Document("guest", guest.name), _RESTART)
    return failed(subject, message, change, evidence=[group.evidence for group in astray], state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("cgroups-overview", "cgroups-add-tasks", "cgroups-libvirt"),
    check=check,
)
