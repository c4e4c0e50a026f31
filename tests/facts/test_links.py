"""The host's network devices as they are now: bridges and their ports, VLANs, addresses, and the way out."""

import pytest

from tests.kit import entry, made, refusing
from tests.nethost import IP, ROUTE, bridge, link, tap, vlan
from virtwarden.facts.links import Links
from virtwarden.host import Host, Unknown

ROUTE6 = ("ip", "-6", "route", "show", "table", "all")

RHEL6 = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 16436 qdisc noqueue state UNKNOWN
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast state UP qlen 1000
    link/ether 00:1A:64:11:22:33 brd ff:ff:ff:ff:ff:ff
4: eth0.19@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP
    link/ether 00:1a:64:11:22:33 brd ff:ff:ff:ff:ff:ff
    vlan id 19 <REORDER_HDR>
5: br_v19: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UNKNOWN
    link/ether 00:1a:64:11:22:33 brd ff:ff:ff:ff:ff:ff
    inet6 fe80::21a:64ff:fe11:2233/64 scope link
       valid_lft forever preferred_lft forever
"""

FUNCTIONS = """\
link/ether 0c:42:a1:00:00:10 brd ff:ff:ff:ff:ff:ff promiscuity 0
vf 0     link/ether 52:54:00:12:34:01 brd ff:ff:ff:ff:ff:ff, spoof checking on, link-state auto, trust off
vf 1 MAC 52:54:00:12:34:02, spoof checking off, link-state auto, trust on
vf 2 without an address
inet6 nonsense scope link
"""


def links(text: str, route: str = "", route6: str = "", **files: str) -> Links:
    return made(commands={IP: text, ROUTE: route, ROUTE6: route6}).get(Links)


def test_bridges_ports_and_vlans() -> None:
    found = links(
        bridge("br0", stp=1) + tap("web0", "br0", locked="on", learning="off") + vlan("eth0.19@eth0", 19)
    )
    assert found.links["br0"].options["stp_state"] == "1"
    assert [port.name for port in found.ports("br0")] == ["web0"]
    assert (found.links["web0"].kind, found.links["web0"].port["locked"]) == ("tun", "on")
    assert found.links["web0"].port["learning"] == "off"
    assert (found.links["eth0.19"].vlan, found.links["eth0.19"].lower) == (19, "eth0")
    assert found.links["br0"].vlan is None
    assert found.get(None) is None
    assert found.ports("eth7") == ()


def test_a_port_that_is_in_the_state_of_learning_does_learn_or_not() -> None:
    text = tap("web0", "br0", learning="off").replace("state forwarding", "state learning")
    assert links(text).links["web0"].port["learning"] == "off"


def test_addresses_and_evidence() -> None:
    found = links(bridge("br0", addresses="inet 192.0.2.10/24 scope global br0\ninet6 fe80::1/64 scope link "))
    assert [str(address) for address in found.links["br0"].addresses] == ["192.0.2.10/24", "fe80::1/64"]
    assert found.links["br0"].evidence.where == "ip -d address (exit 0)"
    assert found.links["br0"].evidence.text.startswith("7: br0:")


def test_what_a_bridge_stands_on_goes_all_the_way_down() -> None:
    text = (
        bridge("br0") + vlan("bond0.19@bond0", 19, master="br0") + link("bond0", details="bond mode 802.3ad")
        + link("eth0", master="bond0") + link("eth1", master="bond0")
        + link("probe0@probe1", master="br0", details="veth ")
    )  # fmt: skip
    assert links(text).below("br0") == {"bond0.19", "bond0", "eth0", "eth1", "probe0"}


def test_the_end_of_a_veth_elsewhere_is_no_lower_device() -> None:
    assert links(link("eth0@if2", details="veth ")).links["eth0"].lower is None


def test_virtual_functions_of_a_card() -> None:
    found = links(link("eth0", more=FUNCTIONS)).links["eth0"]
    assert [(f.mac, f.checks_source, f.trusted) for f in found.functions] == [
        ("52:54:00:12:34:01", True, False),
        ("52:54:00:12:34:02", False, True),
    ]
    assert found.addresses == ()


def test_uplinks_are_the_devices_of_default_routes() -> None:
    hops = [f"\tnexthop via 192.0.2.{number} dev eth{number} weight 1 \n" for number in (0, 1)]
    several = "default proto static \n" + "".join(hops)
    found = links(
        link("eth0"), several + "192.0.2.0/24 dev br0 proto kernel \n", "default via fe80::1 dev mgmt0 \n"
    )
    assert list(found.uplinks) == ["eth0", "eth1", "mgmt0"]
    assert found.uplinks["mgmt0"].text == "default via fe80::1 dev mgmt0"
    assert links(link("eth0"), "unreachable default dev lo table unspec \ndefault dev lo \n").uplinks == {}


def test_releases_that_do_not_print_the_bridge_of_a_port() -> None:
    port = entry("/sys/class/net/eth0.19/brport/bridge", real="/sys/devices/virtual/net/br_v19", kind="dir")
    found = made(commands={IP: RHEL6}, stats=[port]).get(Links)
    assert found.links["eth0.19"].master == "br_v19"
    assert found.below("br_v19") == {"eth0.19", "eth0"}
    assert found.links["eth0"].mac == "00:1a:64:11:22:33"


def test_a_refused_sysfs_leaves_ports_without_bridges() -> None:
    host = made(commands={IP: RHEL6}, files={"/sys/class/net/*/brport/bridge": Unknown("refused")})
    assert host.get(Links).links["eth0.19"].master is None


@pytest.mark.parametrize("host", [refusing(), made(), made(commands={IP: (1, "Cannot open netlink socket")})])
def test_no_answer_is_unknown(host: Host) -> None:
    with pytest.raises(Unknown):
        host.get(Links)


def test_releases_that_do_not_print_whether_a_bridge_has_stp_on() -> None:
    files = {"/sys/class/net/br_v19/bridge/stp_state": "1\n"}
    links = made(commands={IP: RHEL6}, files=files).get(Links)
    bridge_v19, uplink = links.links["br_v19"], links.links["eth0"]
    assert (bridge_v19.kind, bridge_v19.options["stp_state"]) == ("bridge", "1")
    assert "stp_state" not in uplink.options
    refused = made(commands={IP: RHEL6}, files={"/sys/class/net/*/bridge/stp_state": Unknown("no")}).get(Links)
    assert "stp_state" not in refused.links["br_v19"].options
