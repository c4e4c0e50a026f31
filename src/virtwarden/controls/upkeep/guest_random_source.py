"""Every guest has a source of random numbers from the host.

A guest that has just been started, or cloned from an image, has nothing random of its own. Keys that it makes
then can be guessed, and two clones make the same. A virtio random device gives it the host's numbers from the
first moment.

Judged: whether each guest's definition has an `<rng>` device, on disk and in force.

Fix: add one that takes from /dev/urandom; the guest has it from its next start.

Proof: /sys/class/misc/hw_random/rng_current within the guest names virtio_rng.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import InsertElement
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed
from virtwarden.model import HOST, Change, Document, Safety, Severity, Subject

RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    if not guests.guests and not guests.unread:
        yield notapplicable(HOST, "there are no guests")
    for guest in guests:
        subject = Subject("guest", guest.name)
        for definition in guest.definitions:
            line = definition.line("devices/rng")
            if line is not None:
                here = definition.cite(line)
                yield passed(subject, "it has a random number device", here, state=definition.state)
            else:
                here = definition.cite(definition.line("devices"), "no <rng>")
                fix = Change(Document("domain", guest.name), InsertElement("devices", RNG), Safety.DISRUPTIVE)
                message = "it has no random number device"
                yield failed(subject, message, fix, evidence=[here], state=definition.state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("maintaining-virtual-machines",),
    check=check,
)
