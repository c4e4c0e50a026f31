"""Bridged frames bypass iptables unless network filters rely on it."""

from tests.kit import judge, results
from tests.nethost import SYSCTL, filtered, nethost
from tests.nwfilters import files
from virtwarden.controls.network.bridge_netfilter_off_unless_needed import CONTROL
from virtwarden.edits import SetLine
from virtwarden.host import Unknown

NAMES = ("iptables", "ip6tables", "arptables")
ONE = "".join(f"net.bridge.bridge-nf-call-{name} = 1\n" for name in NAMES)
ZERO = ONE.replace("= 1", "= 0")
SITE = "/etc/sysctl.d/50-bridge.conf"
TCP = "<rule action='drop' direction='out'><tcp dstportstart='25'/></rule>"


def test_switches_that_nobody_needs_fail_in_both_states() -> None:
    found = judge(CONTROL, nethost(commands={SYSCTL: ONE}, files={SITE: ONE}))
    assert [finding.result for finding in found] == ["fail"] * 6
    assert (found[0].fix[0].document.name, found[0].fix[0].edit) == (
        SITE,
        SetLine("net.bridge.bridge-nf-call-iptables", "0"),
    )


def test_switches_that_are_off_pass() -> None:
    assert results(CONTROL, nethost(commands={SYSCTL: ZERO}, files={SITE: ZERO})) == ["pass"] * 6


def test_a_module_that_is_not_loaded_passes() -> None:
    assert results(CONTROL, nethost()) == ["notapplicable", "pass"] * 3


def test_a_switch_that_a_filter_needs_is_not_judged_here() -> None:
    host = nethost(devices=filtered("mine"), files={**files(mine=TCP), SITE: ONE}, commands={SYSCTL: ONE})
    assert results(CONTROL, host) == ["notapplicable"] * 2 + ["fail"] * 4


def test_a_filter_that_cannot_be_followed_may_need_it() -> None:
    host = nethost(devices=filtered("mine"), files=files(mine=Unknown("refused")), commands={SYSCTL: ONE})
    assert results(CONTROL, host) == ["notapplicable", "unknown"] * 3


def test_a_refused_kernel_is_unknown() -> None:
    assert results(CONTROL, nethost(commands={SYSCTL: Unknown("refused")})) == ["notapplicable", "unknown"] * 3
