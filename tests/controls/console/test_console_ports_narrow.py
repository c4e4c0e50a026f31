"""Consoles that are reached by their ports get them from a narrow range."""

import pytest

from tests.consoles import mended, of_xml
from tests.kit import domain, guest, guests, judge, made, results
from virtwarden.controls.console.console_ports_narrow import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Console, Policy, Remote
from virtwarden.facts.qemu_conf import QemuConf

FAR = guests(guest("<graphics type='vnc' port='-1' autoport='yes' listen='192.0.2.7'/>"))


def test_libvirts_own_range_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(FAR, QemuConf()))
    assert finding.message == "consoles get ports from 5900 to 65535, not from 5900 to 5999"
    assert (finding.result, [change.edit for change in finding.fix]) == (
        "fail",
        [SetConf("remote_display_port_max", 5999)],
    )


@pytest.mark.parametrize(
    ("first", "last", "result"),
    [(5900, 5999, "pass"), (5950, 5960, "pass"), (5900, 6000, "fail"), (100, 5999, "fail"), (6000, 6100, "fail")],
)
def test_the_range_decides(first: int, last: int, result: str) -> None:
    conf = QemuConf(remote_display_port_min=first, remote_display_port_max=last)
    assert results(CONTROL, made(FAR, conf)) == [result]


def test_a_range_that_lies_elsewhere_is_moved_as_a_whole() -> None:
    conf = QemuConf(remote_display_port_min=7000, remote_display_port_max=7100)
    (finding,) = judge(CONTROL, made(FAR, conf))
    assert [change.edit for change in finding.fix] == [
        SetConf("remote_display_port_max", 5999),
        SetConf("remote_display_port_min", 5900),
    ]


def test_the_policy_says_how_narrow() -> None:
    policy = Policy(console=Console(last_port=5909))
    assert results(CONTROL, made(FAR, QemuConf(remote_display_port_max=5999), policy)) == ["fail"]
    assert results(CONTROL, made(FAR, QemuConf(remote_display_port_max=5909), policy)) == ["pass"]


NEAR = (
    "<graphics type='vnc' port='-1' listen='127.0.0.1'/><graphics type='spice'><listen type='socket'/></graphics>"
)


@pytest.mark.parametrize(
    ("conf", "policy", "result"),
    [
        (QemuConf(), Policy(), "notapplicable"),
        (QemuConf(remote_display_port_max=5999), Policy(), "pass"),
        (QemuConf(vnc_listen="192.0.2.7"), Policy(), "fail"),
        (QemuConf(), Policy(remote=Remote(ssh_consoles=True)), "fail"),
        (QemuConf(), Policy(remote=Remote(transport="tls")), "fail"),
        (QemuConf(), Policy(console=Console(listen="management")), "fail"),
    ],
)
def test_where_no_console_is_reached_by_its_port_no_range_is_asked_for(
    conf: QemuConf, policy: Policy, result: str
) -> None:
    assert results(CONTROL, made(guests(guest(NEAR)), conf, policy)) == [result]


def test_a_port_of_a_guests_own_outside_of_the_range_fails_where_others_reach_it() -> None:
    conf = QemuConf(remote_display_port_max=5999)
    xml = domain("<graphics type='spice' port='5950' tlsPort='7001' autoport='no' listen='192.0.2.7'/>")
    finding, _ = judge(CONTROL, made(guests(of_xml(xml)), conf))
    assert (finding.result, finding.message) == ("fail", "SPICE has port 7001, not one from 5900 to 5999")
    assert results(CONTROL, made(guests(of_xml(mended(xml, *finding.fix))), conf)) == ["pass"]
    near = of_xml(xml.replace("192.0.2.7", "127.0.0.1"))
    assert results(CONTROL, made(guests(near), conf)) == ["pass"]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host) == ["notapplicable", "unknown"]
