"""Filters that stop something of IPv4 stop the same of IPv6, or IPv6 altogether.

A rule for tcp is a rule for TCP over IPv4. The blueprint's sample drops outgoing mail by such a rule; a guest
with an IPv6 address, which the network hands out unasked, mails on. A filter against forged IPv4 addresses says
nothing of forged IPv6 ones. clean-traffic drops IPv6 as a whole, its variant for a gateway lets it by.

Judged: each interface on disk: for every rule that stops IPv4 traffic of a protocol, one for the same over IPv6
(or for all of it), and for rules about IPv4 frames some about IPv6 frames, unless the filter drops IPv6
altogether.

Fix: the twins with -ipv6, or no-ipv6-spoofing with the guest's addresses, or no-other-l2-traffic, by hand.

Proof: the probe that is stopped over IPv4 is stopped over IPv6, and an honest one arrives over both.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import NwFilters, Tree
from virtwarden.facts.protection import ipv4_only
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State


def check(host: Host) -> Findings:
    filters, nics = host.get(NwFilters), host.get(Nics)
    judgeable = False
    for nic in nics.of(State.ON_DISK):
        name = nic.interface.filter
        if name is None:
            continue
        try:
            tree = filters.tree(name)
            if tree is None:
                continue
            finding = judged(nic, name, tree)
        except Unknown as refused:
            finding = unknown(nic.subject, str(refused), *refused.evidence, nic.cite(), state=State.ON_DISK)
        judgeable = True
        yield finding
    nics.complete()
    if not judgeable:
        yield notapplicable(HOST, "no interface has a filter that is defined")


def judged(nic: Nic, name: str, tree: Tree) -> Finding:
    found = ipv4_only(tree)
    if found is None:
        message = f"filter {name} treats IPv6 no more gently than IPv4"
        return passed(nic.subject, message, nic.cite(), state=nic.state)
    filter_, rule = found
    nodes = ", ".join(kind for kind, _ in rule.nodes) or filter_.chain
    steps = f"virsh nwfilter-edit {filter_.name}: add the rule for IPv6, or drop IPv6 with no-other-l2-traffic"
    message = f"filter {name} stops {nodes} over IPv4 only"
    change = by_hand(Document("nwfilter", filter_.name), steps)
    evidence = [filter_.cite(rule.line), nic.cite()]
    return failed(nic.subject, message, change, evidence=evidence, state=nic.state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("define-network-filter", "network-filter-driver"),
    check=check,
)
