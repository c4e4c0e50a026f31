"""The host does not take its receive filters from guests.

`trustGuestRxFilters='yes'` lets a guest on macvtap change the MAC and multicast filters of the host's device: it
may receive what is meant for others, and take an address that is not its own.

Judged: the interfaces of all guests, on disk and in force, and the networks that pass this on to guests. Guests
that the policy trusts (`filter.trusted_guests`) may have it.

Fix: set it to no, or take it out of the network, which has to be started anew; the guest takes it at its next
start.

Proof: a change of the MAC inside the guest leaves the address of the host's device as it was.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveAttribute, SetAttribute
from virtwarden.facts.networks import Network, Networks
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.policy import Policy, matches
from virtwarden.formats.xmltext import line_of
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, Subject

ATTRIBUTE = "trustGuestRxFilters"


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    trusted = host.get(Policy).filter.trusted_guests
    for nic in nics.nics:
        if matches(nic.guest.name, trusted):
            message = f"the site's policy trusts {nic.guest.name}"
            yield notapplicable(nic.subject, message, nic.cite(), state=nic.state)
        else:
            yield judged(nic)
    try:
        for network in host.get(Networks).on_disk.values():
            yield from passed_on(network)
    except (Absent, Unknown) as refused:
        yield unknown(HOST, str(refused), *refused.evidence)
    nics.complete()


def judged(nic: Nic) -> Finding:
    if not nic.interface.trust_guest:
        return passed(nic.subject, "the host keeps its own receive filters", nic.cite(), state=nic.state)
    document, path = Document("domain", nic.guest.name), nic.defined_at
    fix = () if path is None else (Change(document, SetAttribute(path, ATTRIBUTE, "no"), Safety.DISRUPTIVE),)
    message = f"guest {nic.guest.name} sets the receive filters of {nic.parent or 'the host'}"
    return failed(nic.subject, message, *fix, evidence=[nic.cite()], state=nic.state)


def passed_on(network: Network) -> Iterator[Finding]:
    """A network's own word, or that of one of its port groups."""
    groups = enumerate(network.xml.iterfind("portgroup"), 1)
    for path, element in ((".", network.xml), *((f"portgroup[{number}]", group) for number, group in groups)):
        if element.get(ATTRIBUTE) == "yes":
            subject = Subject("network", network.name)
            message = f"guests on network {network.name} set the host's receive filters"
            edit = RemoveAttribute(path, ATTRIBUTE)
            change = Change(Document("network", network.name), edit, Safety.DISRUPTIVE)
            yield failed(subject, message, change, evidence=[network.cite(line_of(element))], state=network.state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=(),
    check=check,
)
