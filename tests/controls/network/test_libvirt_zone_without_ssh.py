"""The firewall zone of libvirt's networks offers no SSH to the guests."""

from tests.kit import judge, results
from tests.nethost import nethost
from virtwarden.controls.network.libvirt_zone_without_ssh import CONTROL
from virtwarden.facts.units import Unit, Units
from virtwarden.model import Evidence

NAT = "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/></network>"
NETWORK = {"/etc/libvirt/qemu/networks/default.xml": NAT}
PACKAGED = "/usr/lib/firewalld/zones/libvirt.xml"
SITE = "/etc/firewalld/zones/libvirt.xml"
OPEN = "<zone target='ACCEPT'>\n<service name='dns'/>\n<service name='ssh'/>\n</zone>"
CLOSED = OPEN.replace("ssh", "tftp")
ENABLED = Units({"firewalld.service": Unit("firewalld.service", "enabled", Evidence("enabled"))})


def test_the_packages_zone_fails() -> None:
    (finding,) = judge(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: OPEN}))
    assert (finding.result, finding.evidence[0].where) == ("fail", f"{PACKAGED}:3")
    assert "--remove-service=ssh" in str(finding.fix[0].edit)


def test_the_sites_zone_without_ssh_passes() -> None:
    assert results(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: OPEN, SITE: CLOSED})) == ["pass"]


def test_without_firewalld_zone_or_network_there_is_nothing_to_judge() -> None:
    assert results(CONTROL, nethost(Units({}), files={**NETWORK, PACKAGED: OPEN})) == ["notapplicable"]
    assert results(CONTROL, nethost(ENABLED, files=NETWORK)) == ["notapplicable"]
    assert results(CONTROL, nethost(ENABLED, files={PACKAGED: OPEN})) == ["notapplicable"]
