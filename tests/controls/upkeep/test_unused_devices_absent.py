"""Guests have no floppy drive, sound card, parallel port, redirected USB device or shared memory."""

from tests.kit import guest, guests, judge, made, refusing, results
from virtwarden.controls.upkeep.unused_devices_absent import CONTROL
from virtwarden.edits import RemoveElement
from virtwarden.facts.guests import Guests
from virtwarden.model import Evidence

DEVICES = """<disk type='file' device='floppy'><target dev='fda'/></disk>
    <redirdev bus='usb' type='spicevmc'/>
    <redirdev bus='usb' type='spicevmc'/>
    <sound model='ich6'/>"""


def test_such_devices_fail_with_an_edit_for_each() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(DEVICES))))
    assert (finding.result, finding.message) == ("fail", "it has a floppy drive, a sound card, USB redirection")
    assert len(finding.evidence) == 4
    assert [change.edit for change in finding.fix] == [
        RemoveElement("devices/disk[@device='floppy'][1]"),
        RemoveElement("devices/sound[1]"),
        RemoveElement("devices/redirdev[2]"),
        RemoveElement("devices/redirdev[1]"),
    ]


def test_a_guest_with_what_a_server_needs_passes_in_both_states() -> None:
    plain = guest("<disk type='file' device='disk'><target dev='vda'/></disk>", running=True)
    assert results(CONTROL, made(guests(plain))) == ["pass", "pass"]


def test_no_guests_are_not_judged_and_an_unread_one_is_unknown() -> None:
    assert results(CONTROL, made(guests())) == ["notapplicable"]
    assert results(CONTROL, made(Guests((), (Evidence("denied", path="/x.xml"),)))) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
