"""Names given to guests' taps are none of those that libvirt hands out by itself."""

import pytest

from tests.kit import judge, results
from tests.nethost import nethost
from virtwarden.controls.network.target_names_free import CONTROL
from virtwarden.edits import RemoveElement


def named(target: str) -> str:
    return f"<interface type='bridge'><source bridge='br0'/>{target}</interface>"


@pytest.mark.parametrize("name", ["vnet0", "vif3.0", "macvtap1", "macvlan12"])
def test_libvirts_own_names_fail(name: str) -> None:
    (finding,) = judge(CONTROL, nethost(devices=named(f"<target dev='{name}'/>")))
    assert (finding.result, finding.fix[0].edit) == ("fail", RemoveElement("devices/interface[1]/target"))


@pytest.mark.parametrize("name", ["virtnet1", "web0", "vnetwork"])
def test_other_names_pass(name: str) -> None:
    assert results(CONTROL, nethost(devices=named(f"<target dev='{name}'/>"))) == ["pass"]


def test_no_name_nothing_to_judge() -> None:
    assert results(CONTROL, nethost(devices=named(""))) == ["notapplicable"]
