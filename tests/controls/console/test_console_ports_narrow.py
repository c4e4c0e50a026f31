"""Consoles get their ports from a narrow range."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.console.console_ports_narrow import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.policy import Console, Policy
from virtwarden.facts.qemu_conf import QemuConf


def test_libvirts_own_range_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(QemuConf()))
    assert (finding.result, finding.message) == ("fail", "consoles get ports from 5900 to 65535, beyond 5999")
    assert [change.edit for change in finding.fix] == [SetConf("remote_display_port_max", 5999)]


@pytest.mark.parametrize(
    ("first", "last", "result"),
    [(5900, 5999, "pass"), (5950, 5960, "pass"), (5900, 6000, "fail"), (100, 5999, "fail"), (6000, 6100, "fail")],
)
def test_the_range_decides(first: int, last: int, result: str) -> None:
    conf = QemuConf(remote_display_port_min=first, remote_display_port_max=last)
    assert results(CONTROL, made(conf)) == [result]


def test_a_range_that_lies_elsewhere_is_moved_as_a_whole() -> None:
    conf = QemuConf(remote_display_port_min=7000, remote_display_port_max=7100)
    (finding,) = judge(CONTROL, made(conf))
    assert [change.edit for change in finding.fix] == [
        SetConf("remote_display_port_max", 5999),
        SetConf("remote_display_port_min", 5900),
    ]


def test_the_policy_says_how_narrow() -> None:
    policy = Policy(console=Console(last_port=5909))
    assert results(CONTROL, made(QemuConf(remote_display_port_max=5999), policy)) == ["fail"]
    assert results(CONTROL, made(QemuConf(remote_display_port_max=5909), policy)) == ["pass"]
