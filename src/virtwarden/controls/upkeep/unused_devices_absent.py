"""Guests have no floppy drive, sound card, parallel port, redirected USB device or shared memory.

Every device of a guest is code of QEMU that the guest can feed. The floppy controller's fault of 2015 let guests
break out that had never had a floppy. Tools add such devices by themselves, and servers use none of them.

Judged: floppy drives, parallel ports, sound cards, USB redirection and shared memory in each guest's definition,
on disk and in force. A guest that needs one, a desktop its sound, gets a waiver.

Fix: take the element out; it holds from the guest's next start.

Proof: the guest's `lspci` and `lsusb` show none of them.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Definition
from virtwarden.facts.guests import Guests
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed
from virtwarden.model import HOST, Change, Document, Evidence, Safety, Severity, Subject

DEVICES = {
    "devices/disk[@device='floppy']": "a floppy drive",
    "devices/parallel": "a parallel port",
    "devices/sound": "a sound card",
    "devices/redirdev": "USB redirection",
    "devices/shmem": "shared memory",
}


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    if not guests.guests and not guests.unread:
        yield notapplicable(HOST, "there are no guests")
    for guest in guests:
        subject = Subject("guest", guest.name)
        for definition in guest.definitions:
            found = {path: elements for path in DEVICES if (elements := list(definition.xml.iterfind(path)))}
            if not found:
                here = definition.cite(definition.line("devices"), "none of these devices")
                yield passed(subject, "it has none of these devices", here, state=definition.state)
                continue
            message = "it has " + ", ".join(DEVICES[path] for path in found)
            fixes = [change for path, elements in found.items() for change in removals(guest.name, path, elements)]
            evidence = [cited(definition, element) for elements in found.values() for element in elements]
            yield failed(subject, message, *fixes, evidence=evidence, state=definition.state)


def removals(guest: str, path: str, elements: list[Element]) -> list[Change]:
    """One edit an element, the last first, so that the count of those before it stays."""
    document = Document("domain", guest)
    numbers = range(len(elements), 0, -1)
    return [Change(document, RemoveElement(f"{path}[{number}]"), Safety.DISRUPTIVE) for number in numbers]


def cited(definition: Definition, element: Element) -> Evidence:
    """The line of a device."""
    return definition.cite(line_of(element))


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("maintaining-virtual-machines",),
    check=check,
)
