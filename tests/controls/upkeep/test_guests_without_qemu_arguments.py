"""No guest hands QEMU arguments behind libvirt's back."""

from tests.kit import NOW, guest, guests, judge, made, refusing, results
from virtwarden.controls.upkeep.guests_without_qemu_arguments import CONTROL
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.formats import xmltext
from virtwarden.host import Text
from virtwarden.model import Evidence, Safety, State

NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
XML = f"""<domain type='kvm' xmlns:qemu='{NAMESPACE}'>
  <name>web</name>
  <qemu:commandline>
    <qemu:arg value='-object'/>
    <qemu:arg value='secret,id=s,data=hunter2'/>
  </qemu:commandline>
  <qemu:capabilities><qemu:del capability='seccomp-sandbox'/></qemu:capabilities>
</domain>
"""
TAINTED = Guest(
    "web", "", Definition(xmltext.parse(XML), State.ON_DISK, Text("/etc/libvirt/qemu/web.xml", XML, NOW))
)


def test_arguments_fail_and_are_not_shown() -> None:
    (finding,) = judge(CONTROL, made(guests(TAINTED)))
    assert finding.message == "it goes past libvirt with <qemu:commandline> and <qemu:capabilities>"
    assert [evidence.line for evidence in finding.evidence] == [3, 7]
    assert "hunter2" not in finding.message + "".join(evidence.text for evidence in finding.evidence)
    assert finding.fix[0].edit == RemoveElement(f"{{{NAMESPACE}}}commandline")
    assert finding.fix[0].safety is Safety.DISRUPTIVE


def test_a_guest_without_them_passes_in_both_states() -> None:
    assert results(CONTROL, made(guests(guest(running=True)))) == ["pass", "pass"]


def test_no_guests_are_not_judged_and_an_unread_one_is_unknown() -> None:
    assert results(CONTROL, made(guests())) == ["notapplicable"]
    assert results(CONTROL, made(Guests((), (Evidence("denied", path="/x.xml"),)))) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
