"""Every running guest runs the QEMU that is installed.

Updating QEMU's package does nothing for guests that run: each keeps the program it was started with, faults and
all, until it is started anew. A reboot from within the guest does not do it. Hosts that are updated every month
are found with guests that have run on last year's QEMU.

Judged: whether the program of each running guest's process, /proc/PID/exe, is still there or was deleted or
replaced since.

Fix: shut the guest down and start it, or migrate it to another host and back.

Proof: /proc/PID/exe of each guest leads to a file that exists.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.guests import Guests
from virtwarden.facts.processes import GuestProcesses
from virtwarden.host import Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, State, Subject


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    processes = host.get(GuestProcesses)
    if not any(guest.running for guest in guests.guests):
        yield notapplicable(HOST, "no guest runs", state=State.IN_FORCE)
    for guest in guests:
        if not guest.running or guest.name in processes.ended:
            continue
        subject = Subject("guest", guest.name)
        if guest.name not in processes.processes:
            yield unknown(subject, "the process of this guest is not known", state=State.IN_FORCE)
            continue
        try:
            program = processes.processes[guest.name].link("exe")
        except Unknown as refused:
            yield unknown(subject, str(refused), state=State.IN_FORCE)
            continue
        yield from judged(subject, program)


def judged(subject: Subject, program: Stat) -> Findings:
    """The finding on one guest's program."""
    if is_gone(program):
        fix = by_hand(Document("domain", subject.name), "virsh shutdown and virsh start it, or migrate it away")
        message = "it runs a QEMU that has been replaced since it was started"
        evidence = program.cite(f"{program.real}, {program.links} links")
        yield failed(subject, message, fix, evidence=[evidence], state=State.IN_FORCE)
    else:
        yield passed(subject, f"it runs {program.real}", program.cite(program.real), state=State.IN_FORCE)


def is_gone(program: Stat) -> bool:
    """Whether no name leads to the program any more; then links cannot be followed to a path either."""
    return program.links == 0 or program.real.endswith(" (deleted)") or program.real == program.path


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("maintaining-virtual-machines",),
    check=check,
)
