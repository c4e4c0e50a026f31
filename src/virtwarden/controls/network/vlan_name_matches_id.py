"""A VLAN device has the id that its name says.

People and scripts attach guests by name. A device eth0.19 that carries VLAN 20 puts whoever is attached to it
into a network where nobody looks for him, and every list of the host's networks lies.

Judged: in force and on disk, each VLAN device whose name ends in a number (eth0.19, vlan19).

Fix: rename the device or correct its id, by hand, from a console.

Proof: frames that the device sends carry the tag of that id on the wire.
"""

import re
from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.links import Links
from virtwarden.facts.netfiles import NetFiles
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Finding, Severity, State, Subject

NUMBERED = re.compile(r"(?:^.+\.|^vlan0*)(\d{1,4})$")


def check(host: Host) -> Findings:
    found = [*at_boot(host.get(NetFiles))]
    try:
        found.extend(now(host.get(Links)))
    except Unknown as refused:
        found.append(unknown(HOST, str(refused), *refused.evidence, state=State.IN_FORCE))
    yield from found
    if not found:
        yield notapplicable(HOST, "the host has no VLAN device")


def at_boot(files: NetFiles) -> Iterator[Finding]:
    for device in files.devices.values():
        if device.vlan is not None:
            yield judged(device.name, device.vlan, device.settings["vlan"].evidence, State.ON_DISK)
    for evidence in files.unread:
        yield unknown(HOST, evidence.text, evidence, state=State.ON_DISK)


def now(links: Links) -> Iterator[Finding]:
    for link in links.links.values():
        if link.vlan is not None:
            yield judged(link.name, link.vlan, link.evidence, State.IN_FORCE)


def judged(name: str, number: int, evidence: Evidence, state: State) -> Finding:
    subject = Subject("device", name)
    said = NUMBERED.match(name)
    if said is None or int(said.group(1)) == number:
        return passed(subject, f"{name} carries VLAN {number}", evidence, state=state)
    steps = f"From the host's console: rename {name} after VLAN {number}, or correct its id to {said.group(1)}"
    change = by_hand(Document("file", evidence.path or f"/sys/class/net/{name}"), steps)
    return failed(subject, f"{name} carries VLAN {number}", change, evidence=[evidence], state=state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("configure-vlans",),
    check=check,
)
