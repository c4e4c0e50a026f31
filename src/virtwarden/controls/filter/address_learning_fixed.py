"""A guest does not choose the IP address that its filter holds it to.

A filter against forged IP addresses needs to know the right one. Without it libvirt takes the address of the
first packet that the guest sends, so a guest that was broken into picks whichever it likes at the next start.
Learning from DHCP is as good as the server: any guest can play one unless the filter names it.

Judged: for each interface on disk whose filter uses the IP variable: the parameter IP, or CTRL_IP_LEARNING=dhcp
with DHCPSERVER. CTRL_IP_LEARNING=none without an address keeps the guest from starting.

Fix: `<parameter name='IP' value='…'/>` for each address of the guest and CTRL_IP_LEARNING=none, by hand.

Proof: after a restart a guest with a foreign address sends, and nothing arrives.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import NwFilters
from virtwarden.facts.policy import Policy, matches
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State


def check(host: Host) -> Findings:
    filters, nics = host.get(NwFilters), host.get(Nics)
    judgeable = False
    for nic in nics.of(State.ON_DISK):
        name = nic.interface.filter
        if name is None or matches(nic.guest.name, host.get(Policy).filter.trusted_guests):
            continue
        try:
            if "IP" not in filters.wanted_variables(name):
                continue
            finding = judged(nic, name)
        except Unknown as refused:
            finding = unknown(nic.subject, str(refused), *refused.evidence, nic.cite(), state=State.ON_DISK)
        judgeable = True
        yield finding
    nics.complete()
    if not judgeable:
        yield notapplicable(HOST, "no interface has a filter that knows IP addresses")


def judged(nic: Nic, name: str) -> Finding:
    parameters = nic.interface.parameters
    learning = next(iter(parameters.get("CTRL_IP_LEARNING", ())), "any").lower()
    if parameters.get("IP"):
        given = ", ".join(parameters["IP"])
        return passed(nic.subject, f"filter {name} holds it to {given}", nic.cite(), state=nic.state)
    if learning == "dhcp" and parameters.get("DHCPSERVER"):
        server = ", ".join(parameters["DHCPSERVER"])
        message = f"filter {name} learns the address from the DHCP server {server}"
        return passed(nic.subject, message, nic.cite(), state=nic.state)
    message = {
        "dhcp": f"filter {name} believes any DHCP server, other guests too",
        "none": f"filter {name} is given no address: the guest does not start",
    }.get(learning, f"filter {name} takes the address that the guest uses first")
    steps = (
        f"virsh edit {nic.guest.name}: add <parameter name='IP' value='…'/> for each of its addresses and "
        "<parameter name='CTRL_IP_LEARNING' value='none'/> to the filterref"
    )
    change = by_hand(Document("domain", nic.guest.name), steps)
    return failed(nic.subject, message, change, evidence=[nic.cite()], state=nic.state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("network-filter-driver",),
    check=check,
)
