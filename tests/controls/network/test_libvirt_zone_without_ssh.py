"""The firewall zone of libvirt's networks offers no SSH to the guests."""

import pytest

from tests.kit import judge, results
from tests.nethost import nethost
from virtwarden.controls.network.libvirt_zone_without_ssh import CONTROL
from virtwarden.edits import Do, RemoveElement, Replace
from virtwarden.facts.units import Unit, Units
from virtwarden.model import Evidence

NAT = "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/></network>"
NETWORK = {"/etc/libvirt/qemu/networks/default.xml": NAT}
PACKAGED = "/usr/lib/firewalld/zones/libvirt.xml"
SITE = "/etc/firewalld/zones/libvirt.xml"
REFUSING = "<rule priority='32767'>\n<reject/>\n</rule>\n"
OPEN = f"<zone target='ACCEPT'>\n<service name='dns'/>\n<service name='ssh'/>\n{REFUSING}</zone>"
CLOSED = OPEN.replace("ssh", "tftp")
ENABLED = Units({"firewalld.service": Unit("firewalld.service", "enabled", Evidence("enabled"))})


def test_the_packages_zone_fails() -> None:
    (finding,) = judge(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: OPEN}))
    assert (finding.result, finding.evidence[0].where) == ("fail", f"{PACKAGED}:3")
    assert finding.fix[0].document.name == SITE
    assert finding.fix[0].edit == Replace(OPEN.replace("<service name='ssh'/>\n", ""))
    (finding,) = judge(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: CLOSED, SITE: OPEN}))
    assert (finding.fix[0].document.name, finding.fix[0].edit) == (SITE, RemoveElement("service[@name='ssh']"))


@pytest.mark.parametrize(
    ("opening", "result"),
    [
        ("<port port='22' protocol='tcp'/>", "fail"),
        ("<port port='20-30' protocol='tcp'/>", "fail"),
        ("<port port='22' protocol='udp'/>", "pass"),
        ("<port port='2222' protocol='tcp'/>", "pass"),
        ("<port port='' protocol='tcp'/>", "pass"),
        ("<protocol value='icmp'/>", "pass"),
        ("<rule family='ipv4'><source address='192.0.2.0/24'/><accept/></rule>", "fail"),
        ("<rule><service name='ssh'/><accept/></rule>", "fail"),
        ("<rule><service name='http'/><accept/></rule>", "pass"),
        ("<rule><service name='ssh'/><reject/></rule>", "pass"),
    ],
)
def test_other_ways_in_count_too(opening: str, result: str) -> None:
    zone = CLOSED.replace("<service name='dns'/>", opening)
    (finding,) = judge(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: zone}))
    assert finding.result == result
    assert all(isinstance(change.edit, Do) for change in finding.fix)


def test_a_zone_that_accepts_what_nothing_refuses_is_open() -> None:
    for zone in (CLOSED.replace(REFUSING, ""), CLOSED.replace("<rule ", "<rule family='ipv4' ")):
        (finding,) = judge(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: zone}))
        assert finding.message.endswith("by its target ACCEPT with no rule that refuses the rest")
    closed = CLOSED.replace(REFUSING, "").replace(" target='ACCEPT'", "")
    assert results(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: closed})) == ["pass"]


def test_the_sites_zone_without_ssh_passes() -> None:
    assert results(CONTROL, nethost(ENABLED, files={**NETWORK, PACKAGED: OPEN, SITE: CLOSED})) == ["pass"]


def test_without_firewalld_zone_or_network_there_is_nothing_to_judge() -> None:
    assert results(CONTROL, nethost(Units({}), files={**NETWORK, PACKAGED: OPEN})) == ["notapplicable"]
    assert results(CONTROL, nethost(ENABLED, files=NETWORK)) == ["notapplicable"]
    assert results(CONTROL, nethost(ENABLED, files={PACKAGED: OPEN})) == ["notapplicable"]
