"""Every guest interface on a bridge has a network filter that keeps it to its own MAC address."""

import pytest

from tests.kit import guests, judge, results
from tests.nethost import BRIDGED, filtered, nethost
from tests.nwfilters import STORED, files
from virtwarden.controls.filter.interfaces_filtered import CONTROL
from virtwarden.edits import InsertElement, Replace
from virtwarden.facts.policy import Filter, Policy
from virtwarden.host import Absent, Unknown
from virtwarden.model import Finding
from virtwarden.splice import apply_all

ARP = "<filterref filter='no-arp-spoofing'/>"


def judged(devices: str, **own: str | Unknown | Absent) -> Finding:
    (finding,) = judge(CONTROL, nethost(devices=devices, files=files(**own)))
    return finding


@pytest.mark.parametrize("name", ["no-mac-spoofing", "clean-traffic", "clean-traffic-gateway"])
def test_libvirts_own_filters_pass(name: str) -> None:
    finding = judged(filtered(name))
    assert (finding.result, finding.message) == ("pass", f"filter {name} keeps it to its own MAC")


def test_no_filter_fails_with_the_fix() -> None:
    finding = judged(BRIDGED)
    assert (finding.result, finding.message) == ("fail", "no filter on br0")
    assert finding.fix[0].edit == InsertElement("devices/interface[1]", "<filterref filter='no-mac-spoofing'/>")


MISSING = Absent("there is no such file")


def test_the_filter_itself_comes_first_where_it_is_not_defined() -> None:
    finding = judged(BRIDGED, no_mac_spoofing=MISSING)
    assert [str(change.document) for change in finding.fix] == ["nwfilter no-mac-spoofing", "domain web"]
    assert finding.fix[0].safety == "manual"


def test_the_packages_copy_is_defined_where_there_is_one() -> None:
    packaged = {"/usr/share/libvirt/nwfilter/no-mac-spoofing.xml": STORED["no-mac-spoofing"]}
    own = {**files(no_mac_spoofing=MISSING), **packaged}
    (finding,) = judge(CONTROL, nethost(devices=BRIDGED, files=own))
    assert finding.fix[0].edit == Replace(STORED["no-mac-spoofing"])


@pytest.mark.parametrize("refused", [Unknown("permission denied")])
def test_a_filter_that_cannot_be_looked_up_is_left_to_a_person(refused: Unknown) -> None:
    (finding,) = judge(CONTROL, nethost(devices=BRIDGED, files={"/etc/libvirt/nwfilter/*.xml": refused}))
    assert finding.fix[0].safety == "manual"


def test_a_network_counts_as_shared_too() -> None:
    assert (
        judged("<interface type='network'><source network='lan'/></interface>").message
        == "no filter on a shared network"
    )


def test_a_filter_that_checks_something_else_fails() -> None:
    finding = judged(filtered("mine"), mine=ARP)
    assert finding.message == "filter mine lets frames with a forged MAC through"
    (change,) = finding.fix
    assert (str(change.document), change.safety) == ("nwfilter mine", "disruptive")
    after = apply_all([change.edit], str(files(mine=ARP)["/etc/libvirt/nwfilter/mine.xml"]), change.document)
    assert after is not None
    assert judged(filtered("mine"), mine=after.partition(">")[2].rpartition("</filter>")[0]).result == "pass"


def test_a_filter_that_lets_others_by_before_libvirts_own_fails_for_a_person() -> None:
    early = "<rule action='accept' direction='out' priority='-900'><mac protocolid='ipv4'/></rule>"
    finding = judged(filtered("mine"), mine=early + "<filterref filter='no-mac-spoofing'/>")
    assert (finding.result, finding.fix[0].safety) == ("fail", "manual")


def test_libvirts_own_filters_are_not_added_to() -> None:
    finding = judged(filtered("no-arp-spoofing"))
    assert (finding.result, finding.fix[0].safety) == ("fail", "manual")


def test_a_filter_that_is_not_there_fails() -> None:
    assert judged(filtered("gone")).message == "filter gone is not defined"


def test_a_filter_that_could_not_be_read_is_unknown() -> None:
    assert judged(filtered("mine"), mine=Unknown("permission denied")).result == "unknown"


def test_the_site_may_accept_filters_and_trust_guests() -> None:
    accepted = Policy(filter=Filter(accepted_filters=("mine",)))
    assert results(CONTROL, nethost(accepted, devices=filtered("mine"), files=files(mine=ARP))) == ["pass"]
    outer = files(mine=ARP, outer="<filterref filter='mine'/>")
    assert results(CONTROL, nethost(accepted, devices=filtered("outer"), files=outer)) == ["pass"]
    assert results(CONTROL, nethost(Policy(filter=Filter(trusted_guests=("w*",))))) == ["notapplicable"]


def test_kinds_that_libvirt_does_not_filter() -> None:
    direct = "<interface type='direct'><source dev='eth0'/><filterref filter='clean-traffic'/></interface>"
    assert judged(direct).message == "libvirt does not filter direct, filter clean-traffic or not"
    assert judged(direct.replace("<filterref filter='clean-traffic'/>", "")).result == "fail"
    assert judged("<interface type='hostdev'/>").result == "notapplicable"
    assert judged("<interface type='hostdev'><filterref filter='clean-traffic'/></interface>").result == "fail"
    assert judged("<interface type='user'/>").result == "notapplicable"


def test_no_guest_no_interface() -> None:
    assert results(CONTROL, nethost(guests())) == ["notapplicable"]
