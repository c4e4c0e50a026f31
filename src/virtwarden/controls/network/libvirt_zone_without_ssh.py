"""The firewall zone of libvirt's networks offers no SSH to the guests.

firewalld comes with a zone for the bridges of libvirt's networks. Besides the DHCP and DNS that guests need, it
lets them reach the host's SSH daemon, so a guest may try passwords, or a stolen key, against the machine that
runs it.

Judged: the zone `libvirt` as firewalld reads it: the site's file, else the package's. The service ssh, port 22, a
rule that accepts either, and a zone that accepts whatever no rule refuses, all open the door. Only where firewalld
is enabled and libvirt has a network of its own.

Fix: take the service out of the zone, in the site's file, which is a copy of the package's where there is none;
firewalld reads it when it is reloaded. SSH from other zones is not touched.

Proof: a connection to port 22 of the gateway address from a guest's side is refused.
"""

import re

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement, Replace
from virtwarden.facts.libvirt_zone import SITE, LibvirtZone
from virtwarden.facts.networks import Networks
from virtwarden.facts.units import Units
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed
from virtwarden.model import Change, Document, Safety, Severity, State, Subject

ZONE = Subject("zone", "libvirt")
STEPS = "take {} out of firewalld's zone libvirt with firewall-cmd --permanent, then firewall-cmd --reload"
SERVICE = re.compile(r"""[ \t]*<service\s+name=["']ssh["']\s*/>[ \t]*\n?""")


def check(host: Host) -> Findings:
    networks = host.get(Networks)
    if not any(network.owns_bridge for network in networks.on_disk.values()):
        networks.complete()
        yield notapplicable(ZONE, "libvirt has no network of its own")
        return
    zone = host.get(LibvirtZone)
    if host.get(Units).enabled("firewalld.service") is None:
        yield notapplicable(ZONE, "firewalld is not enabled")
    elif zone.openings:
        listed = " and ".join(words for words, _ in zone.openings)
        message = f"guests on libvirt's networks may reach the host's SSH daemon by {listed}"
        changes = [closing(zone, words) for words, _ in zone.openings]
        cited = [evidence for _, evidence in zone.openings]
        yield failed(ZONE, message, *changes, evidence=cited, state=State.ON_DISK)
    else:
        evidence = zone.text.cite(text="no service ssh")
        yield passed(ZONE, "guests on libvirt's networks are offered no SSH", evidence, state=State.ON_DISK)


def closing(zone: LibvirtZone, words: str) -> Change:
    """What closes one opening: the service goes by an edit, other things a person has meant."""
    if words != "the service ssh":
        return by_hand(Document("file", SITE), STEPS.format(words))
    if zone.text.path == SITE:
        return file_change(SITE, RemoveElement("service[@name='ssh']"), Safety.DISRUPTIVE)
    return file_change(SITE, Replace(SERVICE.sub("", zone.text.text)), Safety.DISRUPTIVE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("host-network-isolation",),
    check=check,
)
