"""Network devices as the host's files make them at boot, in the dialects of all distributions."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.netfiles import NetFiles
from virtwarden.host import Absent, Unknown

SCRIPTS = "/etc/sysconfig/network-scripts"
SUSES = "/etc/sysconfig/network"
UNITS = "/etc/systemd/network"

RED_HAT = {
    f"{SCRIPTS}/ifcfg-br_v19": "DEVICE=br_v19\nTYPE=Bridge\nBOOTPROTO=none\nSTP=yes\nDELAY=0\n",
    f"{SCRIPTS}/ifcfg-eth0.19": "DEVICE=eth0.19\nVLAN=yes\nONBOOT=yes\nBRIDGE=br_v19\n",
    f"{SCRIPTS}/ifcfg-vlan20": 'VLAN=yes\nVLAN_ID=20\nPHYSDEV="eth0"\nIPV6_DISABLED=yes\n',
    f"{SCRIPTS}/ifcfg-eth1": "DEVICE=eth1\nBOOTPROTO=dhcp\nGATEWAY=192.0.2.1\nIPV6ADDR=2001:db8::1\n",
    f"{SCRIPTS}/ifcfg-eth1.bak": "DEVICE=eth9\n",
}
SUSE = {
    f"{SUSES}/ifcfg-eth0.19": "STARTMODE='auto'\nBOOTPROTO='none'\nETHERDEVICE='eth0'\nVLAN_ID='19'\n",
    f"{SUSES}/ifcfg-vlan21": "ETHERDEVICE='eth0'\n",
    f"{SUSES}/ifcfg-br_v19": (
        "BOOTPROTO='static'\nBRIDGE='yes'\nBRIDGE_PORTS='eth0.19'\nBRIDGE_STP='on'\nBRIDGE_FORWARDDELAY='0'\n"
        "IPADDR='0.0.0.0'\nIPADDR_1='192.0.2.5/24'\n"
    ),
}
CONNECTIONS = "/etc/NetworkManager/system-connections"
KEYFILES = {
    f"{CONNECTIONS}/br_v19.nmconnection": (
        "[connection]\nid=br_v19\nuuid=11111111-0000-4000-8000-000000000001\ntype=bridge\ninterface-name=br_v19\n"
        "[bridge]\nstp=false\n[ipv4]\nmethod=disabled\n[ipv6]\nmethod=disabled\n"
    ),
    f"{CONNECTIONS}/trunk.nmconnection": (
        "[connection]\nid=trunk\nuuid=11111111-0000-4000-8000-000000000002\ntype=ethernet\ninterface-name=eth0\n"
    ),
    f"{CONNECTIONS}/eth0.19.nmconnection": (
        "[connection]\nid=eth0.19\ntype=vlan\ninterface-name=eth0.19\n"
        "controller=11111111-0000-4000-8000-000000000001\nport-type=bridge\n"
        "[vlan]\nid=19\nparent=11111111-0000-4000-8000-000000000002\n"
    ),
    f"{CONNECTIONS}/lan": (
        "[connection]\nid=lan\ntype=ethernet\n[ipv4]\nmethod=manual\naddress1=192.0.2.5/24\ngateway=192.0.2.1\n"
        "[ipv6]\nmethod=auto\n"
    ),
    f"{CONNECTIONS}/old-br": "[connection]\nid=old-br\ntype=bridge\n",
    f"{CONNECTIONS}/odd": "[connection]\nid=odd\n",
}
NETWORKD = {
    f"{UNITS}/10-br_v19.netdev": "[NetDev]\nName=br_v19\nKind=bridge\n[Bridge]\nSTP=no\nForwardDelaySec=4\n",
    f"{UNITS}/10-eth0.19.netdev": "[NetDev]\nName=eth0.19\nKind=vlan\n[VLAN]\nId=19\n",
    f"{UNITS}/20-eth0.network": "[Match]\nName=eth0\n[Network]\nVLAN=eth0.19\nDHCP=yes\nGateway=192.0.2.1\n",
    f"{UNITS}/20-eth0.19.network": "[Match]\nName=eth0.19\n[Network]\nBridge=br_v19\n",
    f"{UNITS}/20-br_v19.network": (
        "[Match]\nName=br_v19\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nAddress=192.0.2.5/24\n"
    ),
    f"{UNITS}/99-rest.network": "[Match]\nName=en*\n[Network]\nDHCP=yes\n",
    f"{UNITS}/98-none.network": "[Network]\nDHCP=yes\n",
}
IFUPDOWN = {
    "/etc/network/interfaces": (
        "# the host's devices\nauto lo\niface lo inet loopback\n\niface eth0 inet dhcp\niface br_v19 inet static\n"
        "    address 192.0.2.5/24\n    gateway 192.0.2.1\n    bridge-ports eth0.19 none\n    bridge_stp on\n"
        "    bridge_fd 0\n    up true\n\nallow-hotplug eth0\n    address 192.0.2.99\n"
    ),
    "/etc/network/interfaces.d/vlans": (
        "iface eth0.19 inet manual\niface guests inet manual\n    vlan-raw-device eth0\n    vlan_id 20\n"
    ),
}


def devices(files: dict[str, str]) -> NetFiles:
    return made(files=files).get(NetFiles)


@pytest.mark.parametrize("files", [RED_HAT, SUSE, KEYFILES, NETWORKD, IFUPDOWN])
def test_every_dialect_tells_of_the_bridge_and_its_vlan(files: dict[str, str]) -> None:
    found = devices(files)
    bridge, port = found.devices["br_v19"], found.devices["eth0.19"]
    assert bridge.is_bridge
    assert [device.name for device in found.ports("br_v19")] == ["eth0.19"]
    assert (port.vlan, port.value("parent")) == (19, "eth0")
    assert bridge.vlan is None
    assert bridge.evidence.path in files
    assert found.unread == ()


@pytest.mark.parametrize(
    ("files", "stp", "delay"),
    [
        (RED_HAT, True, "0"),
        (SUSE, True, "0"),
        (KEYFILES, False, "15"),
        (NETWORKD, False, "4"),
        (IFUPDOWN, True, "0"),
    ],
)
def test_spanning_tree(files: dict[str, str], stp: bool, delay: str) -> None:
    bridge = devices(files).devices["br_v19"]
    assert (bridge.settings["stp"].is_on, bridge.value("delay")) == (stp, delay)


def test_networkmanager_turns_spanning_tree_on_unless_told_otherwise() -> None:
    assert devices(KEYFILES).devices["old-br"].settings["stp"].is_on


@pytest.mark.parametrize(
    ("files", "name", "addresses"),
    [
        (RED_HAT, "br_v19", []),
        (RED_HAT, "eth1", ["2001:db8::1", "dhcp"]),
        (SUSE, "br_v19", ["192.0.2.5/24"]),
        (KEYFILES, "br_v19", []),
        (KEYFILES, "lan", ["192.0.2.5/24", "auto"]),
        (NETWORKD, "br_v19", ["192.0.2.5/24"]),
        (NETWORKD, "eth0", ["yes"]),
        (IFUPDOWN, "br_v19", ["192.0.2.5/24"]),
        (IFUPDOWN, "eth0", ["dhcp"]),
    ],
)
def test_addresses(files: dict[str, str], name: str, addresses: list[str]) -> None:
    assert [setting.value for setting in devices(files).devices[name].addresses] == addresses


def test_where_ipv6_is_off() -> None:
    off = {(found, name) for found, files in enumerate((RED_HAT, KEYFILES, NETWORKD))
           for name, device in devices(files).devices.items() if "no-ipv6" in device.settings}  # fmt: skip
    assert off == {(0, "vlan20"), (1, "br_v19"), (2, "br_v19")}


def test_ids_and_parents_that_are_written_elsewhere() -> None:
    assert (devices(RED_HAT).devices["vlan20"].vlan, devices(RED_HAT).devices["vlan20"].value("parent")) == (
        20,
        "eth0",
    )
    assert devices(SUSE).devices["vlan21"].vlan == 21
    assert (devices(IFUPDOWN).devices["guests"].vlan, devices(IFUPDOWN).devices["guests"].value("parent")) == (
        20,
        "eth0",
    )
    unnumbered = devices({f"{SCRIPTS}/ifcfg-v": "DEVICE=trunk\nVLAN=yes\n"}).devices["trunk"]
    assert unnumbered.vlan is None


def test_ifupdown_makes_vlans_of_ports_by_their_names_alone() -> None:
    stanza = "iface br_v20 inet manual\n\tbridge_ports eth1.20 eth1.21 eth2\n"
    found = devices({"/etc/network/interfaces": stanza})
    assert {port.name: (port.vlan, port.value("parent")) for port in found.ports("br_v20")} == {
        "eth1.20": (20, "eth1"),
        "eth1.21": (21, "eth1"),
        "eth2": (None, ""),
    }


def test_copies_patterns_and_odd_files_are_no_devices() -> None:
    assert "eth9" not in devices(RED_HAT).devices
    assert not [name for name in devices(NETWORKD).devices if "*" in name]
    assert "odd" not in devices(KEYFILES).devices


def test_what_cannot_be_read_is_kept_as_such() -> None:
    files: dict[str, str | bytes | Unknown | Absent] = {
        f"{SCRIPTS}/ifcfg-eth0": Unknown("permission denied"),
        f"{SCRIPTS}/ifcfg-eth1": "NAME='never closed\n",
        f"{SCRIPTS}/ifcfg-eth2": Absent("gone"),
    }
    found = made(files=files).get(NetFiles)
    assert [evidence.path for evidence in found.unread] == list(files)[:2]
    assert "permission denied" in str(found.missing("br0"))
    assert str(NetFiles().missing("br0")) == "no network file that is understood here makes br0"
    assert len(refusing().get(NetFiles).unread) == 11


def test_netplan_counts_by_what_it_makes() -> None:
    plan = {"/etc/netplan/01.yaml": "network: {}\n"}
    assert devices(plan).unread[0].path == "/etc/netplan/01.yaml"
    made_of_it = {"/run/systemd/network/10-netplan-br0.netdev": "[NetDev]\nName=br0\nKind=bridge\n"}
    found = devices({**plan, **made_of_it})
    assert (found.unread, found.devices["br0"].is_bridge) == ((), True)


def test_a_device_is_cited_by_the_line_that_says_what_it_is() -> None:
    devices = made(files={**RED_HAT, f"{SCRIPTS}/ifcfg-eth5": "DEVICE=eth5\n"}).get(NetFiles).devices
    assert [devices[name].evidence.where for name in ("br_v19", "eth0.19", "eth1", "eth5")] == [
        f"{SCRIPTS}/ifcfg-br_v19:2",
        f"{SCRIPTS}/ifcfg-eth0.19:2",
        f"{SCRIPTS}/ifcfg-eth1:3",
        f"{SCRIPTS}/ifcfg-eth5",
    ]
