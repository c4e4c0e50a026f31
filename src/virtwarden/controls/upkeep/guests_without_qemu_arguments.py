"""No guest hands QEMU arguments behind libvirt's back.

What stands in `<qemu:commandline>` goes to QEMU as it is: a monitor on a TCP port, a disk by its path, a file of
the host as firmware. libvirt knows nothing of it, labels nothing for it and limits nothing, and marks the guest
as tainted. `<qemu:capabilities>` hides from libvirt what QEMU can do, the sandbox for one.

Judged: elements of libvirt's QEMU namespace in each guest's definition, on disk and in force.

Fix: take them out; libvirt has elements of its own for nearly all that people once needed them for. It holds
from the guest's next start. The arguments are not printed here, for they may hold secrets.

Proof: `virsh dominfo` of the running guest has no message of tainting.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.guests import Guests
from virtwarden.formats.xmltext import line_of
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed
from virtwarden.model import HOST, Change, Document, Safety, Severity, Subject


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    if not guests.guests and not guests.unread:
        yield notapplicable(HOST, "there are no guests")
    for guest in guests:
        subject = Subject("guest", guest.name)
        for definition in guest.definitions:
            elements = definition.qemu_arguments
            if not elements:
                here = definition.cite(text="no element of QEMU's namespace")
                yield passed(subject, "it adds nothing to QEMU's command line", here, state=definition.state)
                continue
            tags = dict.fromkeys(str(element.tag) for element in elements)
            names = " and ".join(f"<qemu:{tag.rpartition('}')[2]}>" for tag in tags)
            document = Document("domain", guest.name)
            fixes = [Change(document, RemoveElement(tag), Safety.DISRUPTIVE) for tag in tags]
            evidence = [definition.cite(line_of(element), str(element.tag)) for element in elements]
            yield failed(
                subject, f"it goes past libvirt with {names}", *fixes, evidence=evidence, state=definition.state
            )


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("maintaining-virtual-machines",),
    check=check,
)
