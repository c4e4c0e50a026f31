"""No guest has a machine type of long ago.

A machine type freezes the guest's hardware as the QEMU of that day had it, its faults and its old devices too:
a floppy controller that cannot be taken out, a graphics card on by default, no way to use Secure Boot. QEMU
drops types after some years, and then the guest does not start any more after an update.

Judged: the machine type of each guest, on disk and in force: `isapc`, those of QEMU 0, 1 and 2, of RHEL 5 to 7,
and of Ubuntu before 19.10 fail.

Fix: choose the newest type of the same family; the guest sees new hardware at its next start, which Windows may
want to be activated for, so try it on a copy.

Proof: QEMU does not list the type as deprecated with `-machine help`.
"""

import re

from virtwarden.control import Control, Findings
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, Subject

OLD = (
    re.compile(r"^isapc$"),
    re.compile(r"^pc-[012]\."),
    re.compile(r"^(?:pc-i440fx|pc-q35|virt|pseries|s390-ccw-virtio)-[12]\.\d"),
    re.compile(r"^(?:pc-i440fx-|pc-q35-|virt-|pseries-|s390-ccw-virtio-)?rhel[567]\b"),
    re.compile(r"-(?:trusty|utopic|vivid|wily|xenial|yakkety|zesty|artful|bionic|cosmic|disco)\b"),
)


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    if not guests.guests and not guests.unread:
        yield notapplicable(HOST, "there are no guests")
    for guest in guests:
        subject = Subject("guest", guest.name)
        for definition in guest.definitions:
            machine = definition.machine
            here = definition.cite(definition.line("os/type"))
            if machine is None:
                message = "its machine type is not named; the emulator's own holds"
                yield unknown(subject, message, here, state=definition.state)
            elif is_old(machine):
                steps = (
                    f"virsh edit {guest.name}: choose the newest type of {machine}'s family that "
                    "`virsh capabilities` lists, after a trial on a copy of the guest"
                )
                fix = by_hand(Document("domain", guest.name), steps)
                message = f"its machine type {machine} is out of date"
                yield failed(subject, message, fix, evidence=[here], state=definition.state)
            else:
                yield passed(subject, f"its machine type is {machine}", here, state=definition.state)


def is_old(machine: str) -> bool:
    """Whether a machine type is of long ago."""
    return any(pattern.search(machine) for pattern in OLD)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("maintaining-virtual-machines",),
    check=check,
)
