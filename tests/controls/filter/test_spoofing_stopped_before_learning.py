"""Frames with a forged MAC address are dropped before the bridge learns from them."""

import pytest

from tests.kit import guest, guests, judge, results
from tests.nethost import BRIDGED, EBTABLES, IP, NFT, Answer, bridge, filtered, link, nethost, tap
from tests.nwfilters import files
from virtwarden.controls.filter.spoofing_stopped_before_learning import CONTROL
from virtwarden.edits import Do, InsertElement
from virtwarden.facts.domain import Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Filter, Policy
from virtwarden.host import Absent, Unknown
from virtwarden.model import Finding

MAC = "52:54:00:12:34:01"
LIBVIRT = f"""\
*nat
:PREROUTING ACCEPT
:I-web0-mac RETURN
:libvirt-I-web0 ACCEPT
-A PREROUTING -i web0 -j libvirt-I-web0
-A I-web0-mac -s {MAC} -j RETURN
-A I-web0-mac -j DROP
-A libvirt-I-web0 -j I-web0-mac
-A libvirt-I-web0 -p ARP -j ACCEPT
"""
EARLY = f"*nat\n:PREROUTING ACCEPT\n-A PREROUTING -s ! {MAC} -i web0 -j DROP\n"
LATE = f"*filter\n:FORWARD ACCEPT\n-A FORWARD -s ! {MAC} -i web0 -j DROP\n"
OF_ARP = f"*nat\n:PREROUTING ACCEPT\n-A PREROUTING -p ARP -s ! {MAC} -i web0 -j DROP\n"
VAGUE = "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -i web0 --among-src ! file -j DROP\n"


def judged(rules: Answer = "", *, devices: str = BRIDGED, links: str = "", nft: Answer | None = None) -> Finding:
    answers: dict[tuple[str, ...], Answer] = {EBTABLES: rules}
    if nft is not None:
        answers[NFT] = nft
    (finding,) = judge(CONTROL, nethost(devices=devices, links=links, commands=answers, files=files()))
    return finding


@pytest.mark.parametrize("rules", [LIBVIRT, EARLY])
def test_a_drop_on_arrival_passes(rules: str) -> None:
    finding = judged(rules)
    assert (finding.result, finding.message) == (
        "pass",
        "frames with a forged MAC from web0 are dropped on arrival",
    )
    assert {evidence.where for evidence in finding.evidence} >= {"ebtables-save (exit 0)"}


def test_the_blueprints_rule_is_too_late() -> None:
    finding = judged(LATE)
    assert finding.result == "fail"
    assert finding.message.endswith("are dropped in FORWARD, after the bridge has learned from them")


def test_no_rule_fails_with_a_filter_as_the_fix() -> None:
    finding = judged()
    assert (finding.result, finding.message) == ("fail", "frames with a forged MAC from web0 are not dropped")
    assert finding.fix[0].edit == InsertElement("devices/interface[1]", "<filterref filter='no-mac-spoofing'/>")
    assert finding.fix[0].safety == "disruptive"


BOUND = (
    "<filterbindingstatus><filterbinding><portdev name='web0'/><filterref filter='{}'/></filterbinding>"
    "</filterbindingstatus>"
)
BINDING = "/run/libvirt/nwfilter-binding/web0.xml"


def test_a_filter_that_libvirt_believes_in_force_and_whose_rules_are_gone() -> None:
    bound = {**files(), BINDING: BOUND.format("clean-traffic")}
    (finding,) = judge(CONTROL, nethost(devices=filtered("clean-traffic"), files=bound))
    assert finding.message == "filter clean-traffic is bound to web0, but its rules are not in force"
    assert str(finding.fix[0].document) == "unit libvirtd.service"
    assert finding.evidence[1].path == BINDING
    weak = {**files(), BINDING: BOUND.format("allow-incoming-ipv4")}
    (finding,) = judge(CONTROL, nethost(devices=filtered("allow-incoming-ipv4"), files=weak))
    assert finding.message == "frames with a forged MAC from web0 are not dropped"
    refused = files(mine=Unknown("refused"))
    (finding,) = judge(CONTROL, nethost(files={**refused, BINDING: BOUND.format("mine")}))
    assert finding.message == "frames with a forged MAC from web0 are not dropped"


def test_a_rule_for_another_device_is_none() -> None:
    assert judged(EARLY.replace("web0", "virtnet1")).result == "fail"


def test_a_rule_for_one_protocol_lets_the_others_and_tagged_ones_by() -> None:
    finding = judged(OF_ARP)
    assert finding.result == "fail"
    assert "if they are tagged ARP, " in finding.message
    assert "not dropped if they are ARP" not in finding.message


def test_a_locked_port_that_does_not_learn_passes() -> None:
    locked = bridge("br0") + tap("web0", "br0", learning="off", locked="on")
    assert judged(links=locked).message == "the port web0 is locked to its own address and does not learn"
    assert judged(links=locked, nft=Unknown("refused"), rules=Unknown("refused")).result == "pass"


def test_a_port_that_only_does_not_learn_fails() -> None:
    silent = bridge("br0") + tap("web0", "br0", learning="off")
    assert (
        judged(links=silent).message == "the port web0 does not learn, but lets frames with a forged MAC through"
    )


def test_filters_that_cannot_be_read_are_left_to_a_person() -> None:
    refused = {"/etc/libvirt/nwfilter/*.xml": Unknown("refused")}
    (finding,) = judge(CONTROL, nethost(devices=filtered("mine"), files=refused))
    assert isinstance(finding.fix[0].edit, Do)


def test_an_interface_that_has_a_filter_already_is_fixed_in_the_filter() -> None:
    finding = judged(devices=filtered("allow-arp"))
    assert (str(finding.fix[0].document), isinstance(finding.fix[0].edit, Do)) == ("nwfilter allow-arp", True)


def test_a_filter_of_the_sites_own_refers_to_libvirts_unless_it_cannot_be_read() -> None:
    own = files(mine="<filterref filter='allow-arp'/>")
    fixed = judge(CONTROL, nethost(devices=filtered("mine"), files=own))[0].fix[0]
    assert (str(fixed.document), fixed.edit) == (
        "nwfilter mine",
        InsertElement(".", "<filterref filter='no-mac-spoofing'/>"),
    )
    unread = nethost(devices=filtered("mine"), files=files(mine=Unknown("permission denied")))
    assert isinstance(judge(CONTROL, unread)[0].fix[0].edit, Do)


def test_a_transient_guest_is_fixed_by_hand() -> None:
    live = guest(BRIDGED, running=True)
    (finding,) = judge(CONTROL, nethost(guests(Guest("web", live.uuid, None, live.in_force, 1))))
    assert isinstance(finding.fix[0].edit, Do)


def test_rules_that_are_not_understood_or_refused_are_unknown() -> None:
    assert judged(VAGUE).result == "unknown"
    assert judged(Unknown("you must be root")).result == "unknown"
    assert judged(Unknown("you must be root"), nft=Unknown("you must be root")).result == "unknown"
    assert judged(Absent("none"), nft=Absent("none")).result == "fail"


def test_refused_links_leave_the_rules_to_decide() -> None:
    answers: dict[tuple[str, ...], Answer] = {EBTABLES: EARLY, IP: Unknown("refused")}
    assert results(CONTROL, nethost(commands=answers)) == ["pass"]


def test_macvtap_checks_nothing() -> None:
    direct = "<interface type='direct'><source dev='eth0' mode='bridge'/><target dev='macvtap0'/></interface>"
    finding = judged(EARLY, devices=direct)
    assert (finding.result, finding.fix[0].safety) == ("fail", "manual")


VF = "<interface type='hostdev'><mac address='52:54:00:12:34:01'/></interface>"


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (f"vf 0     link/ether {MAC} brd ff:ff:ff:ff:ff:ff, spoof checking on, trust off", "pass"),
        (f"vf 0     link/ether {MAC} brd ff:ff:ff:ff:ff:ff, spoof checking off, trust off", "fail"),
        (f"vf 0     link/ether {MAC} brd ff:ff:ff:ff:ff:ff", "unknown"),
        ("vf 0     link/ether 00:00:00:00:00:00 brd ff:ff:ff:ff:ff:ff, spoof checking on", "unknown"),
    ],
)
def test_virtual_functions_of_a_card(said: str, result: str) -> None:
    assert judged(devices=VF, links=link("eth0", more=said)).result == result


def test_interfaces_that_reach_no_bridge_and_those_that_are_not_seen() -> None:
    assert judged(devices="<interface type='user'/>").result == "notapplicable"
    assert judged(devices="<interface type='vhostuser'/>").result == "unknown"
    assert (
        judged(devices=BRIDGED.replace("<target", "<virtualport type='openvswitch'/><target")).result == "unknown"
    )
    assert judged(devices=BRIDGED.replace("<target dev='web0'/>", "")).result == "unknown"


def test_trusted_guests_are_left_out() -> None:
    assert results(CONTROL, nethost(Policy(filter=Filter(trusted_guests=("web",))))) == ["notapplicable"]


def test_what_runs_must_be_known() -> None:
    assert results(CONTROL, nethost(running=False)) == ["notapplicable"]
    assert results(CONTROL, nethost(Guests((guest(BRIDGED),), (), "refused"))) == ["unknown"]
