"""The host does not forward packets between networks unless it is meant to."""

import json

from tests.kit import judge, made, refusing, results
from tests.nethost import EBTABLES, NFT, ROUTE, SYSCTL, Answer, nethost
from virtwarden.controls.network.forwarding_off import CONTROL
from virtwarden.edits import SetLine
from virtwarden.facts.policy import Network, Policy
from virtwarden.host import Absent, Unknown
from virtwarden.model import State

OFF = "net.ipv4.ip_forward = 0\nnet.ipv6.conf.all.forwarding = 0\n"
ON = OFF.replace("= 0", "= 1")
FILE = "/etc/sysctl.d/50-router.conf"
NAT = (
    "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/>"
    "<ip address='192.168.122.1' netmask='255.255.255.0'/></network>"
)
NETWORKS = "/etc/libvirt/qemu/networks"


def test_forwarding_on_fails_in_both_states() -> None:
    found = judge(CONTROL, nethost(commands={SYSCTL: ON}, files={FILE: ON}))
    assert [(f.result.value, f.state) for f in found] == [("fail", State.ON_DISK), ("fail", State.IN_FORCE)] * 2
    assert (found[0].fix[0].document.name, found[0].fix[0].edit) == (FILE, SetLine("net.ipv4.ip_forward", "0"))
    assert found[0].fix[0].safety == "disruptive"


def test_the_other_name_of_the_switch_counts_where_it_is_set_last() -> None:
    other = "net.ipv4.conf.all.forwarding"
    disk = judge(CONTROL, nethost(commands={SYSCTL: OFF}, files={FILE: f"{OFF}{other} = 1\n"}))[0]
    assert (disk.result, disk.fix[0].edit) == ("fail", SetLine(other, "0"))
    assert results(CONTROL, nethost(commands={SYSCTL: OFF}, files={FILE: f"{other} = 1\n{OFF}"})) == ["pass"] * 4


def test_a_packages_file_is_outdone_by_one_of_ours() -> None:
    for name, own in (("zebra", "zz-virt-warden.conf"), ("10-a", "99-virt-warden-network.conf")):
        files = {f"/usr/lib/sysctl.d/{name}.conf": ON}
        disk = judge(CONTROL, nethost(commands={SYSCTL: OFF}, files=files))[0]
        assert disk.fix[0].document.name == f"/etc/sysctl.d/{own}"


def test_forwarding_off_or_not_set_passes_without_libvirt_too() -> None:
    assert results(CONTROL, nethost(commands={SYSCTL: OFF})) == ["pass"] * 4
    assert results(CONTROL, made(commands={SYSCTL: OFF}, files={FILE: OFF})) == ["pass"] * 4


def test_forwarding_on_without_libvirt_fails() -> None:
    assert results(CONTROL, made(commands={SYSCTL: ON})) == ["pass", "fail"] * 2


def test_a_site_that_routes_says_so() -> None:
    assert results(CONTROL, nethost(Policy(network=Network(routing=True)))) == ["notapplicable"] * 2


def test_libvirts_networks_need_it_for_the_families_they_have() -> None:
    for files in (
        {f"{NETWORKS}/default.xml": NAT, f"{NETWORKS}/autostart/default.xml": NAT},
        {"/run/libvirt/network/default.xml": f"<networkstatus>{NAT}</networkstatus>"},
    ):
        host = nethost(commands={SYSCTL: ON}, files={FILE: ON, **files})
        assert results(CONTROL, host) == ["notapplicable"] * 2 + ["fail"] * 2
    idle = nethost(commands={SYSCTL: ON}, files={f"{NETWORKS}/default.xml": NAT})
    assert results(CONTROL, idle)[1] == "fail"


def test_a_forward_chain_that_drops_the_guests_passes() -> None:
    scope = {"family": "inet", "table": "own"}
    chain = {**scope, "name": "fwd", "hook": "forward", "prio": 0, "policy": "drop", "type": "filter"}
    rules = json.dumps({"nftables": [{"chain": chain}]})
    assert results(CONTROL, nethost(commands={SYSCTL: ON, NFT: rules})) == ["pass"] * 4


def test_rules_that_could_not_be_read_may_stop_it() -> None:
    refused: dict[tuple[str, ...], Answer] = {SYSCTL: ON, NFT: Unknown("refused"), EBTABLES: Unknown("refused")}
    assert results(CONTROL, nethost(commands=refused)) == ["pass", "unknown"] * 2
    assert results(CONTROL, nethost(commands={**refused, EBTABLES: ""})) == ["pass", "unknown"] * 2
    assert results(CONTROL, nethost(commands={**refused, ROUTE: ""})) == ["pass", "fail"] * 2


def test_a_kernel_without_ipv6_and_one_that_is_refused() -> None:
    assert results(CONTROL, nethost(commands={SYSCTL: "net.ipv4.ip_forward = 0\n"}))[3] == "notapplicable"
    assert set(results(CONTROL, refusing())) == {"unknown"}


def test_networks_that_cannot_be_read_may_need_it() -> None:
    refused = {f"{NETWORKS}/*.xml": Unknown("permission denied")}
    *_, finding = judge(CONTROL, nethost(commands={SYSCTL: ON}, files=refused))
    assert (finding.result, finding.message[-17:]) == ("unknown", "permission denied")
    one = {f"{NETWORKS}/default.xml": Unknown("permission denied")}
    assert results(CONTROL, nethost(commands={SYSCTL: ON}, files=one)) == ["pass", "unknown"] * 2
    known: dict[str, str | bytes | Unknown | Absent] = {
        **one,
        f"{NETWORKS}/nat.xml": NAT,
        f"{NETWORKS}/autostart/nat.xml": NAT,
    }
    assert results(CONTROL, nethost(commands={SYSCTL: ON}, files=known))[1] == "notapplicable"
