"""SPICE shares neither the clipboard nor files between guest and viewer.

With the clipboard shared a guest reads what an administrator copies while its window is open, his passwords
among it, and puts text of its own in its place. Files dropped on the window go into the guest.

Judged: `<clipboard copypaste='no'/>` and `<filetransfer enable='no'/>` of each SPICE console, on disk and in
force.

Fix: add both. The guest takes it at its next start; its users cannot copy between guest and viewer any more.

Proof: a text copied in the viewer's desktop cannot be pasted in the guest.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import InsertElement, SetAttribute
from virtwarden.facts.domain import Console
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Safety, Severity, State, Subject

SPICE = "devices/graphics[@type='spice']"


def check(host: Host) -> Findings:
    guests, found = host.get(Guests), False
    for guest in guests:
        subject, document = Subject("guest", guest.name), Document("domain", guest.name)
        for definition in guest.definitions:
            for console in definition.consoles_of("spice"):
                found = True
                here = definition.cite(console.line)
                shared = {
                    what: _off(document, console, element, attribute)
                    for what, shares, element, attribute in (
                        ("the clipboard", console.copypaste, "clipboard", "copypaste"),
                        ("files", console.filetransfer, "filetransfer", "enable"),
                    )
                    if shares
                }
                if shared:
                    message = f"SPICE shares {' and '.join(shared)}"
                    fixes = shared.values()
                    yield failed(subject, message, *fixes, evidence=[here], state=definition.state)
                else:
                    message = "SPICE shares neither clipboard nor files"
                    yield passed(subject, message, here, state=definition.state)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not found:
        yield notapplicable(HOST, "no guest has a SPICE console")


def _off(document: Document, console: Console, element: str, attribute: str) -> Change:
    if console.xml.find(element) is None:
        return Change(document, InsertElement(SPICE, f"<{element} {attribute}='no'/>"), Safety.DISRUPTIVE)
    return Change(document, SetAttribute(f"{SPICE}/{element}", attribute, "no"), Safety.DISRUPTIVE)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.LOW, check=check)
