"""VNC consoles open no websocket port.

With `websocket` QEMU opens a second port, from 5700 on, for viewers in browsers. It is reached by any page that
a user of the host or of its network has open, unless a proxy stands before it that checks who asks.

Judged: the `websocket` attribute of VNC consoles, on disk and in force; -1 means a port that libvirt picks.

Fix: take the attribute out of the guest's definition, which it heeds at its next start. Browsers' viewers need a
proxy that logs its users in.

Proof: nothing listens on the port after the guest's next start.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveAttribute
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Safety, Severity, State, Subject

WEBSOCKET = RemoveAttribute("devices/graphics[@type='vnc']", "websocket")


def check(host: Host) -> Findings:
    guests, found = host.get(Guests), False
    for guest in guests:
        subject = Subject("guest", guest.name)
        for definition in guest.definitions:
            for console in definition.consoles_of("vnc"):
                found = True
                here = definition.cite(console.line)
                if console.websocket is None:
                    yield passed(subject, "VNC has no websocket", here, state=definition.state)
                    continue
                port = "a port that libvirt picks" if console.websocket < 0 else f"port {console.websocket}"
                fix = Change(Document("domain", guest.name), WEBSOCKET, Safety.DISRUPTIVE)
                yield failed(
                    subject, f"VNC has a websocket on {port}", fix, evidence=[here], state=definition.state
                )
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not found:
        yield notapplicable(HOST, "no guest has a VNC console")


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.MEDIUM, check=check)
