"""The host is managed over a device that no guest uses."""

from tests.kit import guests, judge, results
from tests.nethost import ROUTE, bridge, link, nethost, tap, vlan
from virtwarden.controls.network.management_separate import CONTROL
from virtwarden.facts.policy import Network, Policy
from virtwarden.model import State

SHARED = bridge("br0", addresses="inet 192.0.2.5/24 scope global br0") + tap("web0", "br0")
RED_HAT = "/etc/sysconfig/network-scripts"
MACVTAP = "<interface type='direct'><source dev='eth0' mode='bridge'/></interface>"
ADDRESSED = {f"{RED_HAT}/ifcfg-eth0": "DEVICE=eth0\nBOOTPROTO=dhcp\n"}


def by(device: str) -> dict[tuple[str, ...], str]:
    return {ROUTE: f"default via 192.0.2.1 dev {device} \n"}


def in_force(host_links: str, device: str, **more: str) -> str:
    host = nethost(links=host_links, commands=by(device), files=ADDRESSED, **more)  # type: ignore[arg-type]
    (found,) = [finding for finding in judge(CONTROL, host) if finding.state is State.IN_FORCE]
    return found.result.value


def test_a_card_of_its_own_passes() -> None:
    host = nethost(commands=by("eth0"), files=ADDRESSED)
    assert [(f.result.value, f.state) for f in judge(CONTROL, host)] == [
        ("pass", State.IN_FORCE),
        ("pass", State.ON_DISK),
    ]


def test_the_guests_bridge_fails() -> None:
    finding = judge(CONTROL, nethost(links=SHARED, commands=by("br0")))[0]
    assert (finding.result, finding.message) == ("fail", "the host's device br0 is shared with guest web")
    assert len(finding.evidence) == 2
    assert finding.fix[0].safety == "manual"


def test_what_lies_below_the_guests_bridge_fails() -> None:
    text = bridge("br0") + vlan("eth0.19@eth0", 19, master="br0") + link("eth0")
    assert in_force(text, "eth0") == "fail"
    assert in_force(text + vlan("eth0.10@eth0", 10), "eth0.10") == "pass"


def test_a_card_with_macvtap_fails() -> None:
    assert in_force(link("eth0"), "eth0", devices=MACVTAP) == "fail"


def test_on_disk_the_devices_with_addresses_count() -> None:
    files = {
        f"{RED_HAT}/ifcfg-br0": "DEVICE=br0\nTYPE=Bridge\n",
        f"{RED_HAT}/ifcfg-eth0.19": "DEVICE=eth0.19\nVLAN=yes\nBRIDGE=br0\n",
        f"{RED_HAT}/ifcfg-eth0": "DEVICE=eth0\nIPADDR=192.0.2.5\n",
    }
    finding = judge(CONTROL, nethost(files=files))[-1]
    assert (finding.result, finding.state) == ("fail", State.ON_DISK)
    assert finding.message == "the host's device eth0 is shared with guest web below br0"


def test_the_policy_may_name_the_device() -> None:
    named = Policy(network=Network(management_interface="mgmt0"))
    assert results(CONTROL, nethost(named, links=SHARED + link("mgmt0"), commands=by("br0"))) == [
        "pass",
        "unknown",
    ]
    assert results(CONTROL, nethost(named, links=SHARED)) == ["unknown", "unknown"]


def test_without_routes_or_devices_it_is_unknown() -> None:
    assert results(CONTROL, nethost(commands={ROUTE: ""})) == ["unknown", "unknown"]
    assert results(CONTROL, nethost(links="nothing")) == ["pass", "unknown"]
    assert results(CONTROL, nethost(commands={("ip", "-d", "address"): (1, "denied")})) == ["unknown", "unknown"]


def test_without_guests_on_the_network_there_is_nothing_to_share() -> None:
    assert results(CONTROL, nethost(guests())) == ["notapplicable"]
