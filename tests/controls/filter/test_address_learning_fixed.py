"""A guest does not choose the IP address that its filter holds it to."""

import pytest

from tests.kit import judge, results
from tests.nethost import BRIDGED, filtered, nethost
from tests.nwfilters import files
from virtwarden.controls.filter.address_learning_fixed import CONTROL
from virtwarden.facts.policy import Filter, Policy
from virtwarden.host import Unknown

IP = "<parameter name='IP' value='192.0.2.21'/><parameter name='IP' value='192.0.2.22'/>"
DHCP = "<parameter name='CTRL_IP_LEARNING' value='dhcp'/>"
SERVER = "<parameter name='DHCPSERVER' value='192.0.2.1'/>"
ANY = DHCP.replace("dhcp", "any")
NONE = DHCP.replace("dhcp", "none")


@pytest.mark.parametrize(
    ("parameters", "result", "says"),
    [
        (IP, "pass", "holds it to 192.0.2.21, 192.0.2.22"),
        (IP + NONE, "pass", "holds it to 192.0.2.21, 192.0.2.22"),
        (DHCP + SERVER, "pass", "learns the address from the DHCP server 192.0.2.1"),
        (DHCP, "fail", "believes any DHCP server, other guests too"),
        (ANY, "fail", "takes the address that the guest uses first"),
        ("", "fail", "takes the address that the guest uses first"),
        (NONE, "fail", "is given no address: the guest does not start"),
    ],
)
def test_where_the_address_comes_from(parameters: str, result: str, says: str) -> None:
    (finding,) = judge(CONTROL, nethost(devices=filtered("clean-traffic", parameters), files=files()))
    assert (finding.result, finding.message) == (result, f"filter clean-traffic {says}")
    assert bool(finding.fix) is (result == "fail")


def test_filters_without_addresses_and_trusted_guests_are_left_out() -> None:
    host = nethost(devices=filtered("no-mac-spoofing") + BRIDGED, files=files())
    assert results(CONTROL, host) == ["notapplicable"]
    trusted = Policy(filter=Filter(trusted_guests=("web",)))
    assert results(CONTROL, nethost(trusted, devices=filtered("clean-traffic"), files=files())) == [
        "notapplicable"
    ]


def test_a_filter_that_could_not_be_read_is_unknown() -> None:
    host = nethost(devices=filtered("mine"), files=files(mine=Unknown("permission denied")))
    assert results(CONTROL, host) == ["unknown"]
