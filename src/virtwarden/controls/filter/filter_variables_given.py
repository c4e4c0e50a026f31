"""Interfaces give their filters every variable that these use, and no others.

libvirt finds the MAC by itself and may learn the IP address. All else has to be given where the filter is used:
without GATEWAY_MAC or DHCPSERVER the guest does not start, until somebody takes the filter out. A parameter
that no rule uses is most often a name spelt wrong, of an address that its writer believes is checked.

Judged: the parameters of each interface on disk against the variables of its filter and all that it draws in.

Fix: give the value, by hand: only the site knows it. Take out or correct parameters that nothing uses.

Proof: virsh nwfilter-binding-create with these parameters on a probe's port succeeds.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import NwFilters
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State

LEARNT = frozenset({"IP"})
HEEDED = frozenset({"MAC", "IP", "DHCPSERVER", "CTRL_IP_LEARNING"})


def check(host: Host) -> Findings:
    filters, nics = host.get(NwFilters), host.get(Nics)
    judgeable = False
    for nic in nics.of(State.ON_DISK):
        name = nic.interface.filter
        if name is None:
            continue
        try:
            if filters.tree(name) is None:
                continue
            judgeable = True
            yield judged(nic, name, filters.wanted_variables(name))
        except Unknown as refused:
            judgeable = True
            yield unknown(nic.subject, str(refused), *refused.evidence, nic.cite(), state=State.ON_DISK)
    nics.complete()
    if not judgeable:
        yield notapplicable(HOST, "no interface has a filter that is defined")


def judged(nic: Nic, name: str, wanted: frozenset[str]) -> Finding:
    given = nic.interface.parameters.keys()
    learning = next(iter(nic.interface.parameters.get("CTRL_IP_LEARNING", ())), "any")
    missing = sorted(wanted - given - (LEARNT if learning.lower() != "none" else frozenset()))
    unused = sorted(given - wanted - HEEDED)
    document = Document("domain", nic.guest.name)
    if missing:
        steps = f"virsh edit {nic.guest.name}: add <parameter name='{missing[0]}' value='…'/> to the filterref"
        message = f"filter {name} wants {', '.join(missing)}, which is not given"
        return failed(nic.subject, message, by_hand(document, steps), evidence=[nic.cite()], state=nic.state)
    if unused:
        steps = f"virsh edit {nic.guest.name}: correct or take out the parameter {unused[0]}"
        message = f"no rule of filter {name} uses {', '.join(unused)}"
        return failed(nic.subject, message, by_hand(document, steps), evidence=[nic.cite()], state=nic.state)
    return passed(nic.subject, f"filter {name} has what it wants", nic.cite(), state=nic.state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("define-network-filter",),
    check=check,
)
