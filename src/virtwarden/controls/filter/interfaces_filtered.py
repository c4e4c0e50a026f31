"""Every guest interface on a bridge has a network filter that keeps it to its own MAC address.

A filter in the guest's definition is there from the first frame on, at every start, on every host that it moves
to; rules made by hand are none of this. An interface without one can send as any other machine on the bridge. A
filter on an interface of a kind that libvirt does not filter, such as macvtap, is no protection.

Judged: each interface in the definitions on disk: the kind, the filter it names, and whether that filter or one
it draws in drops frames with a source address that is not the guest's (no-mac-spoofing, the policy's
`filter.accepted_filters`, or rules that say the same). Guests of `filter.trusted_guests` need none.

Fix: no-mac-spoofing on interfaces that have no filter; the guest takes it at its next start, or at once with
`virsh update-device --live`. In a filter of the site's own a reference to it, which counts at once. clean-traffic
keeps the guest to its IP address too, and stops IPv6.

Proof: see spoofing-stopped-before-learning.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import InsertElement
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import NwFilters
from virtwarden.facts.policy import Policy, matches
from virtwarden.facts.protection import stops_forged_macs
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, checking_macs, failed, filter_first, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State

PRIVATE = ("user", "null", "internal", "udp", "client", "server", "mcast")
FILTERED = ("bridge", "ethernet", "network")


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    defined = nics.of(State.ON_DISK)
    policy = host.get(Policy).filter
    for nic in defined:
        if matches(nic.guest.name, policy.trusted_guests):
            yield notapplicable(
                nic.subject, f"the site's policy trusts {nic.guest.name}", nic.cite(), state=nic.state
            )
        elif nic.kind in PRIVATE:
            yield notapplicable(nic.subject, f"{nic.kind} shares no bridge", nic.cite(), state=nic.state)
        else:
            yield judged(host, nic, policy.accepted_filters)
    nics.complete()
    if not defined:
        yield notapplicable(HOST, "no guest has a network interface")


def judged(host: Host, nic: Nic, accepted: tuple[str, ...]) -> Finding:
    name = nic.interface.filter
    if nic.kind not in FILTERED:
        return without(nic)
    if name is None:
        insert = InsertElement(nic.path, "<filterref filter='no-mac-spoofing'/>")
        change = Change(Document("domain", nic.guest.name), insert, Safety.DISRUPTIVE)
        message = f"no filter on {nic.bridge or 'a shared network'}"
        fix = (*filter_first(host, "no-mac-spoofing"), change)
        return failed(nic.subject, message, *fix, evidence=[nic.cite()], state=nic.state)
    try:
        tree = host.get(NwFilters).tree(name)
    except Unknown as refused:
        return unknown(nic.subject, str(refused), *refused.evidence, nic.cite(), state=nic.state)
    if name in accepted or (tree is not None and stops_forged_macs(tree, accepted)):
        return passed(nic.subject, f"filter {name} keeps it to its own MAC", nic.cite(), state=nic.state)
    if tree is None:
        message = f"filter {name} is not defined"
        fix = (by_hand(Document("nwfilter", name), f"virsh nwfilter-define the filter {name}"),)
    else:
        message = f"filter {name} lets frames with a forged MAC through"
        fix = (*filter_first(host, "no-mac-spoofing"), checking_macs(host.get(NwFilters), name))
    return failed(nic.subject, message, *fix, evidence=[nic.cite()], state=nic.state)


def without(nic: Nic) -> Finding:
    """An interface of a kind that libvirt cannot filter: what else keeps it in is not in its definition."""
    if nic.interface.filter is None and nic.kind != "direct":
        return notapplicable(nic.subject, f"libvirt does not filter {nic.kind}", nic.cite(), state=nic.state)
    named = f", filter {nic.interface.filter} or not" if nic.interface.filter else ""
    message = f"libvirt does not filter {nic.kind}{named}"
    steps = "Put the interface on a bridge with a filter, or on a virtual function whose card checks the source"
    change = by_hand(Document("domain", nic.guest.name), steps)
    return failed(nic.subject, message, change, evidence=[nic.cite()], state=nic.state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("network-filter-driver", "restrict-mac-spoofing"),
    check=check,
)
