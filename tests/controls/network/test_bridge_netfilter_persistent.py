"""What sysctl.d says of Netfilter on bridges still holds after the module for it has been loaded."""

from tests.kit import judge, made, refusing, results
from tests.nethost import SYSCTL
from virtwarden.controls.network.bridge_netfilter_persistent import CONTROL
from virtwarden.edits import Replace, SetState
from virtwarden.host import Host, Unknown
from virtwarden.model import State

NAMES = ("iptables", "ip6tables", "arptables")
ZERO = "".join(f"net.bridge.bridge-nf-call-{name} = 0\n" for name in NAMES)
ONE = ZERO.replace("= 0", "= 1")
EARLY = {"/etc/modules-load.d/bridge.conf": "br_netfilter\n"}
BARRED = {"/etc/modprobe.d/no.conf": "install br_netfilter /bin/true\n"}


def host(kernel: str | Unknown, **files: str) -> Host:
    named = {"/etc/sysctl.conf": ZERO, **files}
    return made(files=named, commands={SYSCTL: kernel})


def test_the_blueprints_lines_alone_are_lost() -> None:
    found = judge(CONTROL, host(ZERO))
    assert [(f.result.value, f.state) for f in found] == [("fail", State.ON_DISK), ("pass", State.IN_FORCE)] * 3
    assert found[0].message == "0 is lost when br_netfilter is loaded after the file was read"
    assert found[0].evidence[0].where == "/etc/sysctl.conf:1"
    assert found[0].fix[0].edit == Replace("br_netfilter\n")


def test_a_module_that_is_loaded_early_or_never_passes() -> None:
    assert results(CONTROL, host(ZERO, **EARLY)) == ["pass"] * 6
    assert results(CONTROL, host("kernel.osrelease = 6.1.0\n", **BARRED)) == ["pass"] * 6


def test_a_value_that_was_lost_fails_in_force() -> None:
    finding = judge(CONTROL, host(ONE, **EARLY))[1]
    assert (finding.result, finding.state) == ("fail", State.IN_FORCE)
    assert finding.message == "net.bridge.bridge-nf-call-iptables is 1, configured is 0"
    assert finding.fix[0].edit == SetState("0")


def test_an_old_kernel_sets_them_with_the_network() -> None:
    assert results(CONTROL, host(f"kernel.osrelease = 2.6.32-220.el6.x86_64\n{ZERO}")) == ["pass"] * 6


def test_without_such_lines_there_is_nothing_to_lose() -> None:
    assert results(CONTROL, made(commands={SYSCTL: ONE})) == ["notapplicable"] * 3


def test_refusals_are_unknown() -> None:
    assert results(CONTROL, host(Unknown("refused"), **EARLY)) == ["pass", "unknown"] * 3
    assert results(CONTROL, refusing()) == ["unknown"]
