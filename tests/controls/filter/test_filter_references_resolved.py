"""Every network filter that is referred to is defined, and none refers to itself."""

from tests.kit import judge, results
from tests.nethost import BRIDGED, filtered, nethost
from tests.nwfilters import STORED, files
from virtwarden.controls.filter.filter_references_resolved import CONTROL
from virtwarden.host import Unknown
from virtwarden.model import Finding

FINE = ["pass"] * len(STORED)


def failures(devices: str, **own: str) -> list[Finding]:
    return [finding for finding in judge(CONTROL, nethost(devices=devices, files=files(**own))) if finding.fix]


def test_libvirts_filters_hang_together() -> None:
    assert results(CONTROL, nethost(devices=filtered("clean-traffic"), files=files())) == ["pass", *FINE]


def test_an_interface_with_a_missing_filter_fails() -> None:
    (finding,) = failures(filtered("gone"))
    assert (str(finding.subject), finding.message) == (
        "interface web 52:54:00:12:34:01",
        "filter gone is not defined",
    )


def test_a_filter_that_draws_in_a_missing_one_fails() -> None:
    (finding,) = failures(filtered("mine"), mine="\n<filterref filter='gone'/>")
    assert (str(finding.subject), finding.message) == ("nwfilter mine", "draws in gone, which is not defined")
    assert finding.evidence[0].line == 2


def test_a_filter_that_draws_in_itself_fails() -> None:
    (finding,) = failures(BRIDGED, mine="<filterref filter='mine'/>")
    assert (str(finding.subject), finding.message) == ("nwfilter mine", "draws in itself")


def test_a_filter_that_could_not_be_read_may_be_the_one() -> None:
    own = files(mine=Unknown("permission denied"), outer="<filterref filter='mine'/>")
    host = nethost(devices=filtered("mine"), files=own)
    assert sorted(results(CONTROL, host)) == sorted(["unknown", *FINE, "unknown", "unknown"])


def test_no_filters_at_all() -> None:
    assert results(CONTROL, nethost(devices=BRIDGED)) == ["notapplicable"]
