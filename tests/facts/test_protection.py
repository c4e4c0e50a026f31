"""What network filters protect against, told from their rules."""

import pytest

from tests.kit import made
from tests.nethost import LIBVIRT
from tests.nwfilters import files
from virtwarden.facts import protection
from virtwarden.facts.nwfilters import NwFilters, Tree

OTHER = "/etc/libvirt/nwfilter/other.xml"
REST = "<filterref filter='no-other-l2-traffic'/>"
V6 = "<rule action='accept' direction='out' priority='-605'><mac protocolid='ipv6'/></rule>"


def rule(action: str, inner: str = "", direction: str = "out") -> str:
    return f"<rule action='{action}' direction='{direction}'>{inner}</rule>"


def tree(inner: str) -> Tree:
    found = made(LIBVIRT, files=files(mine=inner)).get(NwFilters).tree("mine")
    assert found is not None
    return found


def builtin(name: str) -> Tree:
    return tree(f"<filterref filter='{name}'/>")


@pytest.mark.parametrize("name", ["no-mac-spoofing", "clean-traffic", "clean-traffic-gateway"])
def test_libvirts_filters_against_forged_macs(name: str) -> None:
    assert protection.stops_forged_macs(builtin(name), ())


@pytest.mark.parametrize(
    "name", ["no-arp-spoofing", "no-ip-spoofing", "no-other-l2-traffic", "qemu-announce-self"]
)
def test_filters_that_let_forged_macs_by(name: str) -> None:
    assert not protection.stops_forged_macs(builtin(name), ())


def test_rules_and_names_that_say_the_same() -> None:
    others = rule("drop", "<mac match='no' srcmacaddr='$MAC'/>")
    pair = rule("return", "<mac srcmacaddr='$ MAC'/>") + rule("drop", "<mac/>")
    assert protection.stops_forged_macs(tree(others), ())
    assert protection.stops_forged_macs(tree(pair), ())
    assert protection.stops_forged_macs(tree(rule("accept")), ("mine",))
    assert not protection.stops_forged_macs(tree(rule("drop", "<mac match='no' srcmacaddr='$MAC'/>", "in")), ())
    assert not protection.stops_forged_macs(tree(rule("drop", "<mac srcmacaddr='$MAC'/>")), ())


OWN = "<filterref filter='no-mac-spoofing'/>"


@pytest.mark.parametrize(
    ("inner", "stops"),
    [
        ("<rule action='accept' direction='out' priority='-801'/>", False),
        (
            "<rule action='return' direction='inout' priority='-900'><mac dstmacaddr='ff:ff:ff:ff:ff:ff'/></rule>",
            False,
        ),
        ("<rule action='accept' direction='out' priority='-800'/>", True),
        ("<rule action='accept' direction='in' priority='-900'/>", True),
        ("<rule action='accept' direction='out' priority='-900'><mac srcmacaddr='$MAC'/></rule>", True),
        ("<rule action='accept' direction='out' priority='-900'><tcp dstportstart='80'/></rule>", True),
        ("<rule action='drop' direction='out' priority='-900'/>", True),
        ("<rule action='accept' direction='out' priority='x'/>", True),
    ],
)
def test_what_is_accepted_before_the_source_is_looked_at_may_be_forged(inner: str, stops: bool) -> None:
    assert protection.stops_forged_macs(tree(inner + OWN), ()) is stops


def test_the_order_within_a_filter_counts() -> None:
    early = "<rule action='accept' direction='out' priority='100'><mac dstmacaddr='ff:ff:ff:ff:ff:ff'/></rule>"
    others = rule("drop", "<mac match='no' srcmacaddr='$MAC'/>")
    assert not protection.stops_forged_macs(tree(others + early), ())
    assert protection.stops_forged_macs(tree(others + early.replace("'100'", "'900'")), ())


def test_a_chain_that_comes_earlier_may_accept_too() -> None:
    accepting = "<rule action='accept' direction='out'/>"
    for chain, stops in (("ipv4-mine' priority='-900", False), ("ipv4-mine", True), ("stp", False)):
        extra = f"<filter name='other' chain='{chain}'>{accepting}</filter>"
        host = made(LIBVIRT, files={**files(mine=OWN + "<filterref filter='other'/>"), OTHER: extra})
        found = host.get(NwFilters).tree("mine")
        assert found is not None
        assert protection.stops_forged_macs(found, ()) is stops


def test_which_filters_look_into_frames() -> None:
    for name, looks in (("no-arp-spoofing", True), ("no-ip-spoofing", True), ("no-mac-spoofing", False),
                        ("no-other-rarp-traffic", False), ("allow-incoming-ipv4", False)):  # fmt: skip
        assert (protection.checks_contents(builtin(name)) is not None) is looks, name
    assert protection.checks_contents(tree(rule("drop", "<ip srcportstart='67' protocol='udp'/>"))) is not None


@pytest.mark.parametrize(
    ("inner", "drops"),
    [
        ("<filterref filter='clean-traffic'/>", True),
        ("<filterref filter='clean-traffic-gateway'/>", False),
        ("<filterref filter='no-arp-spoofing'/>", False),
        ("<filterref filter='no-arp-spoofing'/>" + REST, True),
        (rule("drop", "<mac protocolid='vlan'/>"), False),
        (rule("drop", "<mac protocolid='vlan'/>") + rule("drop", "<mac protocolid='0x88A8'/>"), True),
        (rule("drop", "<vlan/>") + rule("drop", "<mac protocolid='0x88a8'/>"), True),
        (rule("drop", "<vlan vlanid='5'/>") + rule("drop", "<mac protocolid='0x88a8'/>"), False),
        (rule("drop", "<vlan/>", "in") + rule("drop", "<mac protocolid='0x88a8'/>"), False),
        (REST + rule("accept"), False),
    ],
)
def test_whether_tags_are_dropped(inner: str, drops: bool) -> None:
    assert protection.drops_tags(tree(inner)) is drops


def test_a_chain_for_vlans_that_drops_all() -> None:
    rules = rule("drop") + rule("drop", "<mac protocolid='0x88a8'/>")
    whole = f"<filter name='mine' chain='vlan'>{rules}</filter>"
    assert protection.drops_tags(tree(whole))


@pytest.mark.parametrize(
    ("inner", "is_gap"),
    [
        ("<filterref filter='clean-traffic'/>", False),
        ("<filterref filter='clean-traffic-gateway'/>", True),
        ("<filterref filter='no-ip-spoofing'/>", True),
        ("<filterref filter='no-ip-spoofing'/><filterref filter='no-ipv6-spoofing'/>", False),
        ("<filterref filter='no-ip-spoofing'/>" + rule("drop", "<ipv6 srcipaddr='fe80::'/>"), False),
        ("<filterref filter='no-mac-spoofing'/>", False),
        (rule("drop", "<tcp dstportstart='25'/>"), True),
        (rule("drop", "<tcp dstportstart='25'/>") + rule("drop", "<tcp-ipv6 dstportstart='25'/>"), False),
        (rule("drop", "<icmp/>") + rule("drop", "<icmpv6/>"), False),
        (rule("drop", "<all/>", "in") + rule("drop", "<all-ipv6/>", "in"), False),
        (rule("drop", "<igmp/>"), False),
        (rule("accept", "<tcp dstportstart='25'/>"), False),
        (rule("drop", "<tcp dstportstart='25'/>") + "<filterref filter='clean-traffic'/>", False),
        (rule("drop", "<tcp dstportstart='25'/>") + V6 + REST, True),
        (rule("drop", "<ip protocol='udp'/>") + rule("accept", "<ipv6/>") + REST, True),
    ],
)
def test_what_is_stopped_over_ipv4_only(inner: str, is_gap: bool) -> None:
    assert (protection.ipv4_only(tree(inner)) is not None) is is_gap
