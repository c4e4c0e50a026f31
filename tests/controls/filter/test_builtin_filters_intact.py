"""libvirt's own network filters say what they said when they came with the package."""

from tests.kit import judge, results
from tests.nethost import nethost
from tests.nwfilters import STORED, files
from virtwarden.controls.filter.builtin_filters_intact import CONTROL
from virtwarden.edits import Replace
from virtwarden.host import Unknown
from virtwarden.model import Finding

NAME = "no-mac-spoofing"
PACKAGED = """\
<filter name='no-mac-spoofing' chain='mac' priority='-800'>
  <!-- return packets with VM's MAC address as source address -->
  <rule direction='out' action='return'>
    <mac srcmacaddr='$MAC'/>
  </rule>
  <!-- drop everything else -->
  <rule direction='out' action='drop'>
    <mac/>
  </rule>
</filter>
"""
SHARE = {f"/usr/share/libvirt/nwfilter/{NAME}.xml": PACKAGED}
WEAK = STORED[NAME].replace("action='drop'", "action='accept'")


def of(finding_of: str, findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.subject.name == finding_of)


def test_what_libvirt_stored_passes_with_and_without_the_packages_copies() -> None:
    assert results(CONTROL, nethost(files=files())) == ["pass"] * len(STORED)
    finding = of(NAME, judge(CONTROL, nethost(files={**files(), **SHARE})))
    assert (finding.result, len(finding.evidence)) == ("pass", 2)


def test_a_changed_filter_fails_and_gets_its_text_back_under_its_uuid() -> None:
    finding = of(NAME, judge(CONTROL, nethost(files={**files(no_mac_spoofing=WEAK), **SHARE})))
    assert (finding.result, finding.message) == ("fail", "differs from the package's copy")
    edit = finding.fix[0].edit
    assert isinstance(edit, Replace)
    uuid = WEAK.split("<uuid>")[1].split("</uuid>")[0]
    assert edit.text == PACKAGED.replace("'-800'>", f"'-800'>\n  <uuid>{uuid}</uuid>", 1)


def test_a_filter_without_a_uuid_gets_the_text_as_it_is() -> None:
    bare = WEAK.replace("<uuid>", "<uuid>not ")
    finding = of(NAME, judge(CONTROL, nethost(files={**files(no_mac_spoofing=bare), **SHARE})))
    assert finding.fix[0].edit == Replace(PACKAGED)


def test_a_changed_filter_without_the_packages_copy_is_unknown() -> None:
    finding = of(NAME, judge(CONTROL, nethost(files=files(no_mac_spoofing=WEAK))))
    assert finding.result == "unknown"


def test_filters_of_the_site_are_its_own_affair() -> None:
    host = nethost(files={"/etc/libvirt/nwfilter/mine.xml": "<filter name='mine'/>"})
    assert results(CONTROL, host) == ["notapplicable"]


def test_a_filter_that_could_not_be_read_is_unknown() -> None:
    host = nethost(files=files(no_mac_spoofing=Unknown("permission denied")))
    assert results(CONTROL, host) == ["pass"] * (len(STORED) - 1) + ["unknown"]
