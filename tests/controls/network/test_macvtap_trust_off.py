"""The host does not take its receive filters from guests."""

from tests.kit import guest, guests, judge, results
from tests.nethost import nethost
from virtwarden.controls.network.macvtap_trust_off import CONTROL
from virtwarden.edits import SetAttribute
from virtwarden.facts.domain import Guest
from virtwarden.facts.policy import Filter, Policy
from virtwarden.host import Unknown
from virtwarden.splice import apply_all

TRUSTED = "<interface type='direct' trustGuestRxFilters='yes'><source dev='eth0' mode='bridge'/></interface>"
PLAIN = TRUSTED.replace(" trustGuestRxFilters='yes'", "")
NETWORK = "/etc/libvirt/qemu/networks/cards.xml"


def test_a_guest_that_sets_filters_fails_with_the_fix() -> None:
    first, second = judge(CONTROL, nethost(devices=TRUSTED))
    assert (first.result, first.message) == ("fail", "guest web sets the receive filters of eth0")
    assert (
        first.fix[0].edit
        == second.fix[0].edit
        == SetAttribute("devices/interface[1]", "trustGuestRxFilters", "no")
    )


def test_a_guest_without_a_definition_has_no_fix() -> None:
    live = guest(TRUSTED, running=True)
    (finding,) = judge(CONTROL, nethost(guests(Guest("web", live.uuid, None, live.in_force, 1))))
    assert (finding.result, finding.fix) == ("fail", ())


def test_plain_interfaces_pass() -> None:
    assert results(CONTROL, nethost(devices=PLAIN)) == ["pass", "pass"]


def test_trusted_guests_may() -> None:
    policy = Policy(filter=Filter(trusted_guests=("we*",)))
    assert results(CONTROL, nethost(policy, devices=TRUSTED)) == ["notapplicable"] * 2


def test_networks_that_pass_it_on_fail() -> None:
    for inner in (" trustGuestRxFilters='yes'>", "><portgroup name='a' trustGuestRxFilters='yes'/>"):
        network = f"<network{inner}<name>cards</name><forward mode='bridge'/></network>"
        found = judge(CONTROL, nethost(devices=PLAIN, running=False, files={NETWORK: network}))
        assert [finding.result for finding in found] == ["pass", "fail"]
        assert str(found[1].subject) == "network cards"
        after = apply_all([change.edit for change in found[1].fix], network, found[1].fix[0].document)
        assert results(CONTROL, nethost(devices=PLAIN, running=False, files={NETWORK: after or ""})) == ["pass"]


def test_refused_networks_are_unknown() -> None:
    files = {"/etc/libvirt/qemu/networks/*.xml": Unknown("refused")}
    assert results(CONTROL, nethost(devices=PLAIN, running=False, files=files)) == ["pass", "unknown"]
