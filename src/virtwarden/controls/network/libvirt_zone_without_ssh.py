"""The firewall zone of libvirt's networks offers no SSH to the guests.

firewalld comes with a zone for the bridges of libvirt's networks. Besides the DHCP and DNS that guests need, it
lets them reach the host's SSH daemon, so a guest may try passwords, or a stolen key, against the machine that
runs it.

Judged: the zone `libvirt` as firewalld reads it: the site's file, else the package's. Only where firewalld is
enabled and libvirt has a network of its own.

Fix: take ssh out of the zone with firewall-cmd; SSH from other zones is not touched.

Proof: a connection to port 22 of the gateway address from a guest's side is refused.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.libvirt_zone import LibvirtZone
from virtwarden.facts.networks import Networks
from virtwarden.facts.units import Units
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import Document, Severity, State, Subject

ZONE = Subject("zone", "libvirt")
STEPS = "firewall-cmd --permanent --zone=libvirt --remove-service=ssh && firewall-cmd --reload"


def check(host: Host) -> Findings:
    networks = host.get(Networks)
    if not any(network.owns_bridge for network in networks.on_disk.values()):
        networks.complete()
        yield notapplicable(ZONE, "libvirt has no network of its own")
        return
    zone = host.get(LibvirtZone)
    if host.get(Units).enabled("firewalld.service") is None:
        yield notapplicable(ZONE, "firewalld is not enabled")
    elif "ssh" in zone.services:
        change = by_hand(Document("mapping", "firewalld zone libvirt"), STEPS)
        message = "guests on libvirt's networks may reach the host's SSH daemon"
        yield failed(ZONE, message, change, evidence=[zone.services["ssh"]], state=State.ON_DISK)
    else:
        evidence = zone.text.cite(text="no service ssh")
        yield passed(ZONE, "guests on libvirt's networks are offered no SSH", evidence, state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("host-network-isolation",),
    check=check,
)
