"""libvirt draws the labels of guests, and restores them."""

from tests.kit import domain, guest, guests, judge, made, results
from tests.svirthost import PROCESS, seclabel, transient
from virtwarden.controls.svirt.labels_dynamic import CONTROL
from virtwarden.edits import RemoveElement
from virtwarden.facts.guests import Guests
from virtwarden.model import Evidence, State


def test_guests_whose_labels_are_drawn_pass() -> None:
    for extra in ("", seclabel(), seclabel("+0:+0", kind="static", model="dac")):
        (finding,) = judge(CONTROL, made(guests(guest(extra=extra))))
        assert (finding.result, finding.message) == ("pass", "libvirt draws its label")


def test_the_blueprints_static_label_fails() -> None:
    both = seclabel("+0:+0", kind="static", model="dac") + seclabel(PROCESS, kind="static")
    (finding,) = judge(CONTROL, made(guests(guest(extra=both))))
    assert finding.message == f"its label {PROCESS} is static and libvirt does not label its images"
    assert finding.fix[0].edit == RemoveElement("seclabel[@type='static'][@model='selinux']")


def test_a_static_label_with_relabelling_is_told_as_such() -> None:
    label = seclabel(PROCESS, kind="static", relabel="yes")
    (finding,) = judge(CONTROL, made(guests(guest(extra=label))))
    assert finding.message == f"its label {PROCESS} is static"
    (finding,) = judge(CONTROL, made(guests(guest(extra="<seclabel type='static' relabel='yes'/>"))))
    assert finding.message == "its label of a static kind is static"
    assert finding.fix[0].edit == RemoveElement("seclabel[@type='static']")


def test_a_guest_that_is_defined_nowhere_is_judged_as_it_runs() -> None:
    member = transient(domain(extra=seclabel("web-guest", kind="static", model="apparmor")))
    (finding,) = judge(CONTROL, made(guests(member)))
    assert (finding.result, finding.state) == ("fail", State.IN_FORCE)


def test_without_guests_there_is_nothing_to_judge() -> None:
    assert results(CONTROL, made(guests())) == ["notapplicable"]
    assert results(CONTROL, made(Guests(unread=(Evidence("denied", path="/x"),)))) == ["unknown"]
