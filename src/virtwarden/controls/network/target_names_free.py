"""Names given to guests' taps are none of those that libvirt hands out by itself.

libvirt names taps vnet0, vnet1 … in the order in which guests start, and drops a name of that kind from a
definition. Whoever writes one, as the blueprint's own filter sample does, and builds a firewall rule on it has a
rule that speaks of whichever guest comes first.

Judged: `<target dev>` in the definitions on disk: no name that begins with vnet, vif, macvtap or macvlan and
goes on with a number.

Fix: take the name out; a rule that needs a fixed one needs a name of another kind.

Proof: none; libvirt's own XML no longer shows the name.
"""

import re

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.nics import Nics
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed
from virtwarden.model import HOST, Change, Document, Safety, Severity, State

RESERVED = re.compile(r"(?:vnet|vif|macvtap|macvlan)\d")


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    named = [nic for nic in nics.of(State.ON_DISK) if nic.tap is not None]
    for nic in named:
        if RESERVED.match(nic.tap or "") is None:
            yield passed(nic.subject, f"{nic.tap} is a name of its own", nic.cite(), state=nic.state)
            continue
        remove = RemoveElement(f"{nic.path}/target")
        change = Change(Document("domain", nic.guest.name), remove, Safety.DISRUPTIVE)
        message = f"libvirt ignores the name {nic.tap} and gives it to whichever guest starts first"
        yield failed(nic.subject, message, change, evidence=[nic.cite()], state=nic.state)
    nics.complete()
    if not named:
        yield notapplicable(HOST, "no definition names a tap")


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("attach-guests-to-bridge", "restrict-mac-spoofing"),
    check=check,
)
