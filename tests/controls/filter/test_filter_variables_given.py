"""Interfaces give their filters every variable that these use, and no others."""

from tests.kit import judge, results
from tests.nethost import BRIDGED, filtered, nethost
from tests.nwfilters import files
from virtwarden.controls.filter.filter_variables_given import CONTROL
from virtwarden.host import Unknown
from virtwarden.model import Finding


def parameter(name: str, value: str = "x") -> str:
    return f"<parameter name='{name}' value='{value}'/>"


def judged(name: str, *parameters: str) -> Finding:
    (finding,) = judge(CONTROL, nethost(devices=filtered(name, "".join(parameters)), files=files()))
    return finding


def test_what_libvirt_learns_need_not_be_given() -> None:
    assert judged("clean-traffic").result == "pass"
    assert judged("clean-traffic", parameter("IP"), parameter("CTRL_IP_LEARNING", "none")).result == "pass"


def test_what_is_missing_is_named() -> None:
    finding = judged("clean-traffic-gateway")
    assert finding.message == "filter clean-traffic-gateway wants GATEWAY_MAC, which is not given"
    assert "GATEWAY_MAC" in str(finding.fix[0].edit)
    assert judged("no-ipv6-spoofing").message == "filter no-ipv6-spoofing wants IPV6, which is not given"


def test_an_address_is_missing_where_none_is_learnt() -> None:
    assert judged("clean-traffic", parameter("CTRL_IP_LEARNING", "none")).message.startswith(
        "filter clean-traffic wants IP"
    )


def test_a_parameter_that_nothing_uses_fails() -> None:
    assert judged("clean-traffic", parameter("IPV4")).message == "no rule of filter clean-traffic uses IPV4"


def test_filters_that_are_not_there_are_not_judged_here() -> None:
    assert results(CONTROL, nethost(devices=filtered("gone") + BRIDGED, files=files())) == ["notapplicable"]


def test_a_filter_that_could_not_be_read_is_unknown() -> None:
    host = nethost(devices=filtered("mine"), files=files(mine=Unknown("permission denied")))
    assert results(CONTROL, host) == ["unknown"]
