"""SPICE shares neither the clipboard nor files between guest and viewer."""

from tests.kit import guest, guests, judge, made, results
from virtwarden.controls.console.clipboard_and_files_off import CONTROL
from virtwarden.edits import InsertElement, SetAttribute
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf

SPICE = "devices/graphics[@type='spice']"
OFF = "<graphics type='spice'><clipboard copypaste='no'/><filetransfer enable='no'/></graphics>"


def test_both_off_passes() -> None:
    assert results(CONTROL, made(guests(guest(OFF, running=True)))) == ["pass", "pass"]


def test_the_default_shares_both_and_the_fix_adds_what_is_missing() -> None:
    (finding,) = judge(CONTROL, made(guests(guest("<graphics type='spice'/>"))))
    assert finding.message == "SPICE shares the clipboard and files"
    assert [change.edit for change in finding.fix] == [
        InsertElement(SPICE, "<clipboard copypaste='no'/>"),
        InsertElement(SPICE, "<filetransfer enable='no'/>"),
    ]


def test_what_is_there_is_changed() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(OFF.replace("copypaste='no'", "copypaste='yes'")))))
    assert finding.message == "SPICE shares the clipboard"
    assert [change.edit for change in finding.fix] == [SetAttribute(f"{SPICE}/clipboard", "copypaste", "no")]


def test_no_spice_is_not_applicable() -> None:
    assert results(CONTROL, made(guests(guest("<graphics type='vnc'/>")))) == ["notapplicable"]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"
