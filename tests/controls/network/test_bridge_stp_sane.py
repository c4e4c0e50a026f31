"""Spanning tree on guest bridges is either off or safe from guests."""

from tests.kit import guests, judge, results
from tests.nethost import IP, bridge, link, nethost, tap
from virtwarden.controls.network.bridge_stp_sane import CONTROL
from virtwarden.edits import Do, SetLine
from virtwarden.host import Unknown
from virtwarden.model import Finding, State

SCRIPT = "/etc/sysconfig/network-scripts/ifcfg-br0"
KEYFILE = "/etc/NetworkManager/system-connections/br0.nmconnection"
UPLINK = link("eth0", master="br0")


def now(text: str) -> Finding:
    return next(f for f in judge(CONTROL, nethost(links=text)) if f.state is State.IN_FORCE)


def at_boot(path: str, text: str) -> Finding:
    return next(f for f in judge(CONTROL, nethost(files={path: text})) if f.state is State.ON_DISK)


def test_stp_off_passes() -> None:
    assert now(bridge("br0") + UPLINK + tap("web0", "br0")).message == "STP is off on br0"
    assert at_boot(SCRIPT, "DEVICE=br0\nTYPE=Bridge\n").result == "pass"
    plain = nethost(files={SCRIPT: "DEVICE=br0\nTYPE=Bridge\n", SCRIPT.replace("br0", "eth0"): "DEVICE=eth0\n"})
    assert results(CONTROL, plain) == ["pass", "pass"]


def test_a_guest_that_may_speak_the_protocol_fails() -> None:
    finding = now(bridge("br0", stp=1) + UPLINK + tap("web0", "br0"))
    assert (finding.result, finding.message) == ("fail", "br0 heeds STP from guests on web0")
    assert finding.fix[0].edit == Do("bridge link set dev web0 guard on")


def test_guarded_ports_and_bridges_without_uplinks_pass() -> None:
    assert now(bridge("br0", stp=1) + UPLINK + tap("web0", "br0", guard="on")).result == "pass"
    assert now(bridge("br0", stp=1) + tap("web0", "br0")).message == "br0 has no port to the outside"


def test_the_blueprints_delay_fails_with_the_fix() -> None:
    finding = at_boot(SCRIPT, "DEVICE=br0\nTYPE=Bridge\nSTP=yes\nDELAY=0\n")
    assert finding.message == "STP is on with a delay of 0 s, which the kernel refuses"
    assert [evidence.line for evidence in finding.evidence] == [3, 4]
    assert (finding.fix[0].edit, finding.fix[0].safety) == (SetLine("STP", "no", "="), "disruptive")


def test_other_dialects_are_changed_by_hand() -> None:
    text = "[connection]\nid=br0\ntype=bridge\ninterface-name=br0\n[bridge]\nforward-delay=1\n"
    assert isinstance(at_boot(KEYFILE, text).fix[0].edit, Do)


def test_delays_that_the_kernel_takes_pass() -> None:
    assert (
        at_boot(SCRIPT, "DEVICE=br0\nTYPE=Bridge\nSTP=yes\nDELAY=4\n").message == "STP is on with a delay of 4 s"
    )
    assert at_boot(SCRIPT, "DEVICE=br0\nTYPE=Bridge\nSTP=yes\n").result == "pass"
    assert at_boot(SCRIPT, "DEVICE=br0\nTYPE=Bridge\nSTP=yes\nDELAY=fast\n").result == "pass"


def test_what_cannot_be_told_is_unknown() -> None:
    assert now(link("br0", details="bridge ")).result == "unknown"
    host = nethost(commands={IP: Unknown("refused")}, files={SCRIPT: Unknown("permission denied")})
    assert results(CONTROL, host) == ["unknown", "unknown"]


def test_other_bridges_and_hosts_without_guests() -> None:
    assert results(CONTROL, nethost(links=link("br0", details="openvswitch "))) == []
    assert results(CONTROL, nethost(guests())) == ["notapplicable"]


def test_a_tap_whose_kind_an_old_kernel_does_not_say_is_a_guests_all_the_same() -> None:
    finding = now(bridge("br0", stp=1) + UPLINK + link("vnet0", master="br0"))
    assert finding.message == "br0 heeds STP from guests on vnet0"
