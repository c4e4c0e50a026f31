"""A guest bridge carries one VLAN, and never the raw trunk."""

from tests.kit import guests, judge, results
from tests.nethost import IP, bridge, link, nethost, tap, vlan
from virtwarden.controls.network.vlan_one_per_bridge import CONTROL
from virtwarden.facts.policy import Network, Policy
from virtwarden.host import Unknown
from virtwarden.model import Finding, State

SCRIPTS = "/etc/sysconfig/network-scripts"
BRIDGE = {f"{SCRIPTS}/ifcfg-br0": "DEVICE=br0\nTYPE=Bridge\n"}
NINETEEN = {f"{SCRIPTS}/ifcfg-eth0.19": "DEVICE=eth0.19\nVLAN=yes\nBRIDGE=br0\n"}
TWENTY = {f"{SCRIPTS}/ifcfg-eth0.20": "DEVICE=eth0.20\nVLAN=yes\nBRIDGE=br0\n"}
TRUNK = {
    f"{SCRIPTS}/ifcfg-eth0": "DEVICE=eth0\nBRIDGE=br0\n",
    f"{SCRIPTS}/ifcfg-eth0.20": "DEVICE=eth0.20\nVLAN=yes\n",
}


def now(text: str, wanted: int | None = None, name: str = "br0") -> Finding:
    policy = Policy(network=Network(vlans={} if wanted is None else {name: wanted}))
    found = judge(CONTROL, nethost(policy, links=text, files=BRIDGE))
    return next(finding for finding in found if finding.state is State.IN_FORCE)


def at_boot(*files: dict[str, str]) -> Finding:
    whole = {path: text for part in files for path, text in part.items()}
    return next(f for f in judge(CONTROL, nethost(files=whole)) if f.state is State.ON_DISK)


def test_one_vlan_passes() -> None:
    finding = now(bridge("br0") + vlan("eth0.19@eth0", 19, master="br0") + tap("web0", "br0") + link("eth0"))
    assert (finding.result, finding.message) == ("pass", "br0 carries VLAN 19 alone")
    assert at_boot(BRIDGE, NINETEEN).result == "pass"


def test_two_vlans_on_one_bridge_fail() -> None:
    joined = bridge("br0") + vlan("eth0.20@eth0", 20, master="br0") + vlan("eth0.19@eth0", 19, master="br0")
    assert (now(joined).result, now(joined).message) == ("fail", "br0 joins VLANs 19 and 20")
    assert len(now(joined).evidence) == 3
    assert at_boot(BRIDGE, NINETEEN, TWENTY).message == "br0 joins VLANs 19 and 20"


def test_the_raw_trunk_fails_unless_the_bridge_filters() -> None:
    ports = link("eth0", master="br0") + vlan("eth0.20@eth0", 20)
    assert now(bridge("br0") + ports).message == (
        "br0 has eth0 as a port, on which VLANs stand: guests may use any tag"
    )
    assert now(bridge("br0", filtering=1) + ports).result == "notapplicable"
    assert at_boot(BRIDGE, TRUNK).result == "fail"


def test_the_policys_vlan_is_wanted() -> None:
    nineteen = bridge("br0") + vlan("eth0.19@eth0", 19, master="br0")
    assert now(nineteen, 19).result == "pass"
    assert now(nineteen, 20).message == "br0 is to carry VLAN 20 and carries 19"
    assert now(bridge("br0"), 20).message == "br0 is to carry VLAN 20 and carries none"


def test_a_bridge_without_vlans_is_not_judged() -> None:
    assert now(bridge("br0") + link("eth0", master="br0")).result == "notapplicable"


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, nethost(commands={IP: Unknown("refused")})) == ["unknown", "unknown"]


def test_bridges_that_are_down_or_libvirts_own_or_nobodys() -> None:
    assert results(CONTROL, nethost(links=bridge("br9"), files=BRIDGE)) == ["notapplicable"]
    own = "<interface type='bridge'><source bridge='virbr0'/></interface>"
    assert results(CONTROL, nethost(devices=own, links=bridge("virbr0"))) == ["notapplicable"]
    assert results(CONTROL, nethost(guests())) == ["notapplicable"]


def test_ifupdowns_ports_count_where_no_stanza_makes_them() -> None:
    joined = "iface br0 inet manual\n\tbridge_ports eth1.20 eth1.21\n"
    finding = at_boot({"/etc/network/interfaces": joined})
    assert (finding.result, finding.message) == ("fail", "br0 joins VLANs 20 and 21")
    trunk = "iface br0 inet manual\n\tbridge_ports eth1\niface br1 inet manual\n\tbridge_ports eth1.19\n"
    assert at_boot({"/etc/network/interfaces": trunk}).result == "fail"
