"""Filter rules for TCP, UDP, ICMP and the like are enforced, not only written."""

from tests.kit import guest, judge, results
from tests.nethost import IP, SYSCTL, Answer, bridge, filtered, nethost
from tests.nwfilters import files
from virtwarden.controls.filter.filters_not_dead import CONTROL
from virtwarden.edits import Do, Replace, SetLine, SetState
from virtwarden.facts.guests import Guests
from virtwarden.host import Host, Unknown
from virtwarden.model import State

TCP = "<rule action='drop' direction='out'><tcp dstportstart='25'/></rule>"
BOTH = TCP + TCP.replace("tcp", "tcp-ipv6")
ZERO = "net.bridge.bridge-nf-call-iptables = 0\nnet.bridge.bridge-nf-call-ip6tables = 0\n"
ONE = ZERO.replace("= 0", "= 1")
SITE = "/etc/sysctl.conf"


def host(kernel: Answer, *, inner: str = TCP, links: str = "", **extra: str | Unknown) -> Host:
    return nethost(
        devices=filtered("mine"), files={**files(mine=inner), **extra}, links=links, commands={SYSCTL: kernel}
    )


def test_the_blueprints_zeros_make_its_own_rules_dead() -> None:
    on_disk, in_force = judge(CONTROL, host(ZERO, **{SITE: ZERO}))
    assert (on_disk.result, on_disk.state, in_force.result, in_force.state) == (
        "fail", State.ON_DISK, "fail", State.IN_FORCE,
    )  # fmt: skip
    assert in_force.message == "the rules of filter mine match nothing: net.bridge.bridge-nf-call-iptables is 0"
    edits = [(change.document.name, change.edit) for change in on_disk.fix]
    assert edits == [
        (SITE, SetLine("net.bridge.bridge-nf-call-iptables", "1")),
        ("/etc/modules-load.d/virt-warden-bridge.conf", Replace("br_netfilter\n")),
    ]
    assert in_force.fix[0].edit == SetState("1")
    assert [evidence.path for evidence in in_force.evidence][:2] == [
        "/etc/libvirt/nwfilter/mine.xml", "/run/libvirt/qemu/web.xml",
    ]  # fmt: skip


def test_ones_pass() -> None:
    assert results(CONTROL, host(ONE, **{SITE: ONE})) == ["pass", "pass"]
    assert results(CONTROL, host(ONE)) == ["pass", "pass"]


def test_a_module_that_is_not_loaded_enforces_nothing() -> None:
    in_force = judge(CONTROL, host("kernel.osrelease = 6.1.0\n"))[1]
    assert in_force.message == "the rules of filter mine match nothing: br_netfilter is not loaded"
    assert isinstance(in_force.fix[0].edit, Do)


def test_each_address_family_has_its_switch() -> None:
    mixed = ONE.replace("ip6tables = 1", "ip6tables = 0")
    assert results(CONTROL, host(mixed, inner=BOTH)) == ["pass", "pass", "pass", "fail"]


def test_the_bridges_own_switch_is_enough() -> None:
    assert results(CONTROL, host(ZERO, links=bridge("br0", nf=1)))[1] == "pass"
    refused: dict[tuple[str, ...], Answer] = {SYSCTL: ZERO, IP: Unknown("refused")}
    assert (
        results(CONTROL, nethost(devices=filtered("mine"), files=files(mine=TCP), commands=refused))[1] == "fail"
    )


def test_filters_about_frames_need_no_switch() -> None:
    assert results(CONTROL, nethost(devices=filtered("clean-traffic"), files=files())) == ["notapplicable"]


def test_filters_that_nftables_realises_need_no_switch() -> None:
    assert results(CONTROL, host(ZERO, **{"/etc/libvirt/nwfilter.conf": 'firewall_backend = "nftables"\n'})) == [
        "notapplicable"
    ]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host(Unknown("refused"))) == ["pass", "unknown"]
    unread = nethost(devices=filtered("mine"), files=files(mine=Unknown("permission denied")))
    assert results(CONTROL, unread) == ["unknown", "unknown"]
    stopped = Guests((guest(filtered("mine")),), (), "refused")
    assert results(CONTROL, nethost(stopped, files=files(mine=TCP))) == ["pass", "unknown"]
