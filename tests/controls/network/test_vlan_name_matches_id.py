"""A VLAN device has the id that its name says."""

from tests.kit import judge, made, refusing, results
from tests.nethost import IP, link, vlan
from virtwarden.controls.network.vlan_name_matches_id import CONTROL
from virtwarden.model import State

SCRIPT = "/etc/sysconfig/network-scripts/ifcfg-eth0.19"


def test_names_that_say_the_id_pass() -> None:
    text = vlan("eth0.19@eth0", 19) + vlan("vlan0020@eth0", 20) + vlan("guests@eth0", 21)
    assert results(CONTROL, made(commands={IP: text})) == ["pass"] * 3


def test_a_name_that_says_another_id_fails_in_both_states() -> None:
    host = made(commands={IP: vlan("eth0.19@eth0", 20)}, files={SCRIPT: "DEVICE=eth0.19\nVLAN=yes\nVLAN_ID=20\n"})
    found = judge(CONTROL, host)
    assert [(f.result.value, f.state) for f in found] == [("fail", State.ON_DISK), ("fail", State.IN_FORCE)]
    assert (found[0].message, found[0].evidence[0].where) == ("eth0.19 carries VLAN 20", f"{SCRIPT}:3")
    assert found[1].fix[0].safety == "manual"


def test_a_host_without_vlans_has_nothing_to_judge() -> None:
    card = {"/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\n"}
    assert results(CONTROL, made(commands={IP: link("eth0")}, files=card)) == ["notapplicable"]


def test_refusals_are_unknown() -> None:
    assert set(results(CONTROL, refusing())) == {"unknown"}
    assert results(CONTROL, made(files={SCRIPT: "DEVICE=eth0.19\nVLAN=yes\n"})) == ["pass", "unknown"]
