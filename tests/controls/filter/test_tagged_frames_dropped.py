"""Filters that look into a frame do not let it by when it has a VLAN tag."""

from tests.kit import judge, results
from tests.nethost import BRIDGED, EBTABLES, NFT, Answer, filtered, nethost
from tests.nwfilters import files
from virtwarden.controls.filter.tagged_frames_dropped import CONTROL
from virtwarden.host import Host, Unknown
from virtwarden.model import Document, State
from virtwarden.splice import apply_all

ARP = "<filterref filter='no-mac-spoofing'/><filterref filter='no-arp-spoofing'/>"
OPEN = "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -i web0 -p ARP --arp-ip-src ! 192.0.2.21 -j DROP\n"
CLOSED = OPEN + "-A PREROUTING -i web0 -p 802_1Q -j DROP\n-A PREROUTING -i web0 -p 0x88a8 -j DROP\n"
HALF = OPEN + "-A PREROUTING -i web0 -p 802_1Q -j DROP\n"
VAGUE = "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -i web0 --vlan-id 5 -j DROP\n"


def host(name: str, rules: Answer = "", *, more: str = "", nft: Answer | None = None) -> Host:
    answers: dict[tuple[str, ...], Answer] = {EBTABLES: rules} | ({} if nft is None else {NFT: nft})
    devices = filtered(name).replace("</interface>", f"{more}</interface>")
    return nethost(devices=devices, files=files(mine=ARP), commands=answers)


def test_clean_traffic_passes() -> None:
    found = judge(CONTROL, host("clean-traffic", CLOSED))
    assert [(f.result.value, f.state) for f in found] == [("pass", State.ON_DISK), ("pass", State.IN_FORCE)]


def test_a_filter_of_single_blocks_fails_in_both_states() -> None:
    on_disk, in_force = judge(CONTROL, host("mine", OPEN))
    assert on_disk.message == "filter mine does not see into frames with a VLAN tag, and lets them pass"
    assert on_disk.evidence[1].path == "/etc/libvirt/nwfilter/no-arp-mac-spoofing.xml"
    assert in_force.message == "tagged frames (802.1Q, 802.1ad) from web0 are not dropped"
    assert on_disk.fix == in_force.fix
    assert [str(change.document) for change in on_disk.fix] == ["nwfilter mine"] * 2


def test_the_fix_drops_both_kinds_of_tag() -> None:
    path, document = "/etc/libvirt/nwfilter/mine.xml", Document("nwfilter", "mine")
    before = files(mine=ARP)
    fix = judge(CONTROL, host("mine", OPEN))[0].fix
    after = apply_all([change.edit for change in fix], str(before[path]), document)
    healed = nethost(devices=filtered("mine"), running=False, files=before | {path: after or ""})
    assert results(CONTROL, healed) == ["pass"]


def test_a_filter_that_is_libvirts_or_that_a_trunk_uses_too_is_left_to_a_person() -> None:
    trunk = filtered("mine").replace("</interface>", "<vlan trunk='yes'><tag id='19'/></vlan></interface>")
    both = nethost(devices=filtered("mine") + trunk, running=False, files=files(mine=ARP))
    own = nethost(devices=filtered("no-arp-spoofing"), running=False, files=files())
    for case in (both, own):
        (finding,) = judge(CONTROL, case)
        assert (finding.result, finding.fix[0].safety) == ("fail", "manual")


def test_both_kinds_of_tag_count() -> None:
    assert judge(CONTROL, host("mine", HALF))[1].message == "tagged frames (802.1ad) from web0 are not dropped"


def test_rules_that_are_not_understood_or_refused_are_unknown() -> None:
    assert results(CONTROL, host("mine", VAGUE)) == ["fail", "unknown"]
    refused = Unknown("refused")
    assert results(CONTROL, host("mine", refused, nft=refused)) == ["fail", "unknown"]


def test_a_filter_that_could_not_be_read_is_unknown() -> None:
    unread = nethost(devices=filtered("mine"), running=False, files=files(mine=Unknown("permission denied")))
    assert results(CONTROL, unread) == ["unknown"]


def test_trunks_and_filters_that_look_at_macs_only_are_left_out() -> None:
    trunk = "<vlan trunk='yes'><tag id='19'/></vlan>"
    assert results(CONTROL, host("mine", OPEN, more=trunk)) == ["notapplicable"]
    assert results(CONTROL, host("no-mac-spoofing")) == ["notapplicable"]
    assert results(CONTROL, host("gone")) == ["notapplicable"]
    assert results(CONTROL, nethost(devices=BRIDGED)) == ["notapplicable"]
