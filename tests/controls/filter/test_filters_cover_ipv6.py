"""Filters that stop something of IPv4 stop the same of IPv6, or IPv6 altogether."""

from tests.kit import judge, results
from tests.nethost import BRIDGED, filtered, nethost
from tests.nwfilters import files
from virtwarden.controls.filter.filters_cover_ipv6 import CONTROL
from virtwarden.host import Unknown
from virtwarden.model import Finding

MAIL = "<rule action='drop' direction='out'>\n<tcp dstportstart='25' dstportend='25'/></rule>"
BLUEPRINT = MAIL + "<filterref filter='clean-traffic'/>"


def judged(name: str, inner: str = MAIL) -> Finding:
    (finding,) = judge(CONTROL, nethost(devices=filtered(name), files=files(mine=inner)))
    return finding


def test_clean_traffic_stops_ipv6_as_a_whole() -> None:
    assert judged("clean-traffic").message == "filter clean-traffic treats IPv6 no more gently than IPv4"
    assert judged("mine", BLUEPRINT).result == "pass"


def test_a_rule_without_its_twin_fails() -> None:
    finding = judged("mine")
    assert (finding.result, finding.message) == ("fail", "filter mine stops tcp over IPv4 only")
    assert finding.evidence[0].where == "/etc/libvirt/nwfilter/mine.xml:1"
    assert str(finding.fix[0].document) == "nwfilter mine"


def test_libvirts_filter_against_forged_addresses_leaves_ipv6_open() -> None:
    finding = judged("no-ip-spoofing")
    assert finding.message == "filter no-ip-spoofing stops ipv4-ip over IPv4 only"
    assert judged("clean-traffic-gateway").result == "fail"


def test_filters_that_are_not_there_or_not_used() -> None:
    assert results(CONTROL, nethost(devices=filtered("gone") + BRIDGED, files=files())) == ["notapplicable"]


def test_a_filter_that_could_not_be_read_is_unknown() -> None:
    host = nethost(devices=filtered("mine"), files=files(mine=Unknown("permission denied")))
    assert results(CONTROL, host) == ["unknown"]
