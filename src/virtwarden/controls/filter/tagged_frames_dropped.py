"""Filters that look into a frame do not let it by when it has a VLAN tag.

Rules about ARP or IP match the protocol that a frame shows first. With an 802.1Q tag in front, even the one for
VLAN 0 that most systems take off without a word, that is the tag: a forged ARP reply goes by every rule against
forged ARP. clean-traffic is safe, since it drops at its end whatever it does not know.

Judged: on disk, each interface whose filter drops by what is in a frame: that the filter drops all the rest, or
both kinds of tag (0x8100 and 0x88a8). In force, the rules of each such interface of a running guest are asked
about tagged frames. Interfaces that are meant to send tags (a trunk) are left out.

Fix: rules that drop both kinds of tag, at the head of a filter of the site's own. libvirt's own filters are to
stay as they came, and one that an interface with tags uses too has to be parted first, both by hand.

Proof: a forged ARP reply with a tag for VLAN 0 from the guest's port does not arrive; the same without it
neither; an honest one does.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import InsertElement
from virtwarden.facts.builtin_filters import DIGESTS
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import NwFilters, Tree
from virtwarden.facts.packets import PacketFilter
from virtwarden.facts.protection import checks_contents, drops_tags
from virtwarden.formats.ebtables import ETHER_TYPES
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State

DROP = "<rule action='drop' direction='out' priority='-1000'><mac protocolid='{}'/></rule>"
ABSENT = {"arp sender mac": "", "arp sender ip": "", "ip saddr": "", "ip6 saddr": ""}


def check(host: Host) -> Findings:
    filters, nics = host.get(NwFilters), host.get(Nics)
    judgeable = False
    tagging = frozenset(nic.interface.filter for nic in nics.nics if nic.interface.trunk)
    for nic in nics.nics:
        name = nic.interface.filter
        if name is None or nic.interface.trunk:
            continue
        try:
            tree = filters.tree(name)
            if tree is None or checks_contents(tree) is None:
                continue
            judgeable = True
            change = by_tag(name, tree, tagging)
            yield at_boot(nic, name, tree, change) if nic.state is State.ON_DISK else now(host, nic, change)
        except (Absent, Unknown) as refused:
            judgeable = True
            yield unknown(nic.subject, str(refused), *refused.evidence, nic.cite(), state=nic.state)
    nics.complete()
    if not judgeable:
        yield notapplicable(HOST, "no interface has a filter that looks into frames")


def at_boot(nic: Nic, name: str, tree: Tree, change: tuple[Change, ...]) -> Finding:
    if drops_tags(tree):
        return passed(nic.subject, f"filter {name} drops tagged frames", nic.cite(), state=nic.state)
    found = checks_contents(tree)
    evidence = [nic.cite()] if found is None else [nic.cite(), found[0].cite(found[1].line)]
    message = f"filter {name} does not see into frames with a VLAN tag, and lets them pass"
    return failed(nic.subject, message, *change, evidence=evidence, state=nic.state)


def now(host: Host, nic: Nic, change: tuple[Change, ...]) -> Finding:
    rules = host.get(PacketFilter)
    verdicts = {tag: rules.drops_frame(frame) for tag, frame in tagged(nic)}
    passing = [tag for tag, dropped in verdicts.items() if dropped is False]
    if passing:
        message = f"tagged frames ({', '.join(passing)}) from {nic.tap} are not dropped"
        evidence = [nic.cite(), *rules.evidence]
        return failed(nic.subject, message, *change, evidence=evidence, state=nic.state)
    if None in verdicts.values():
        raise Unknown(
            rules.refusal or f"the rules about {nic.tap} are more than is understood here", *rules.evidence
        )
    message = f"tagged frames from {nic.tap} are dropped"
    return passed(nic.subject, message, nic.cite(), *rules.evidence, state=nic.state)


def tagged(nic: Nic) -> Iterator[tuple[str, dict[str, str]]]:
    """Frames of the guest's own address with a tag before an ARP message."""
    for tag, name in (("802.1Q", "8021q"), ("802.1ad", "8021ad")):
        types = {"ether type": str(ETHER_TYPES[name]), "protocol": str(ETHER_TYPES["arp"])}
        yield tag, {"iifname": nic.tap or "", "ether saddr": nic.mac} | types | ABSENT


def by_tag(name: str, tree: Tree, tagging: frozenset[str | None]) -> tuple[Change, ...]:
    """The rules to add to a filter, where nobody who uses it is meant to send tags."""
    document = Document("nwfilter", name)
    if name in DIGESTS or name in tagging or tree.filters[0].family != "root":
        steps = f"give the interface a filter of its own that draws in {name} and then no-other-l2-traffic"
        return (by_hand(document, steps),)
    inserts = (InsertElement(".", DROP.format(tag)) for tag in ("vlan", "0x88a8"))
    return tuple(Change(document, insert, Safety.DISRUPTIVE) for insert in inserts)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("network-filter-driver", "define-network-filter"),
    check=check,
)
