"""Guests have locally administered MAC addresses."""

import pytest

from tests.kit import guest, guests, judge, results
from tests.nethost import nethost
from virtwarden.controls.network.mac_addresses_local import CONTROL
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Guest


def nic(mac: str) -> str:
    return f"<interface type='bridge'><mac address='{mac}'/><source bridge='br0'/></interface>"


@pytest.mark.parametrize(
    ("mac", "result", "says"),
    [
        ("52:54:00:5b:1a:cd", "pass", "is locally administered"),
        ("00:50:56:12:34:56", "pass", "is one that VMware makes for guests"),
        ("54:52:00:5b:1a:cd", "fail", "begins with QEMU's prefix 52:54:00 the wrong way round"),
        ("53:54:00:00:00:01", "fail", "is a multicast address"),
        ("00:00:00:00:00:00", "fail", "is no address"),
        ("00:1A:64:11:22:33", "fail", "is the address of a physical card"),
        ("zz:zz", "unknown", "is not a MAC address"),
    ],
)
def test_addresses(mac: str, result: str, says: str) -> None:
    (finding,) = judge(CONTROL, nethost(devices=nic(mac), running=False))
    assert (finding.result, finding.message) == (result, f"{mac.lower()} {says}")


def test_the_fix_takes_the_address_out_of_the_definition() -> None:
    found = judge(CONTROL, nethost(devices=nic("52:54:00:00:00:01") + nic("54:52:00:00:00:01")))
    assert [finding.result for finding in found] == ["pass", "fail", "pass", "fail"]
    assert [finding.fix[0].edit for finding in found if finding.fix] == [
        RemoveElement("devices/interface[2]/mac")
    ] * 2


def test_a_guest_without_a_definition_has_no_fix() -> None:
    live = guest(nic("54:52:00:00:00:01"), running=True)
    (finding,) = judge(CONTROL, nethost(guests(Guest("web", live.uuid, None, live.in_force, 1))))
    assert (finding.result, finding.fix) == ("fail", ())


def test_no_address_nothing_to_judge() -> None:
    assert results(CONTROL, nethost(devices="<interface type='user'/>")) == ["notapplicable"]
