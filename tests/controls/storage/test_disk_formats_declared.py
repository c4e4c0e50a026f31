"""Every disk says in which format its image is."""

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import WEB, disk, store
from virtwarden.controls.storage.disk_formats_declared import CONTROL
from virtwarden.edits import Do, InsertElement, SetAttribute, SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.model import Safety, State

BARE = disk(format=None)


def test_a_stated_format_passes_in_each_state() -> None:
    findings = judge(CONTROL, store(guest(disk(), running=True)))
    assert [(f.result.value, f.state) for f in findings] == [
        ("pass", State.ON_DISK),
        ("pass", State.ON_DISK),
        ("pass", State.IN_FORCE),
    ]


def test_a_missing_one_fails_and_becomes_what_libvirt_takes_now() -> None:
    two = disk(target="vda") + BARE.replace("vda", "vdb")
    _, first, second = judge(CONTROL, store(guest(two)))
    assert (first.result, second.result, second.message) == ("pass", "fail", "its format is not said")
    assert second.fix[0].edit == InsertElement("devices/disk[2]", "<driver name='qemu' type='raw'/>")
    assert second.fix[0].safety is Safety.DISRUPTIVE
    driver = disk(format=None, driver="cache='none'")
    (_, third) = judge(CONTROL, store(guest(driver)))
    assert third.fix[0].edit == SetAttribute("devices/disk[1]/driver", "type", "raw")


def test_an_image_with_another_header_is_for_a_person_to_decide() -> None:
    (_, finding) = judge(CONTROL, store(guest(BARE), files={WEB: headers.qcow2()}))
    assert finding.message == "its format is not said, and its image has the header of qcow2"
    assert isinstance(finding.fix[0].edit, Do)


def test_guessing_fails() -> None:
    files = {"/etc/libvirt/qemu.conf": "allow_disk_format_probing = 1\n"}
    (finding,) = judge(CONTROL, store(files=files))
    assert (finding.result, finding.fix[0].edit) == ("fail", SetConf("allow_disk_format_probing", 0))
    assert finding.evidence[0].line == 1


def test_directories_have_no_format() -> None:
    inside = "<disk type='dir' device='floppy'><source dir='/srv/x'/><target dev='fda'/></disk>"
    assert results(CONTROL, store(guest(inside))) == ["pass"]


def test_libvirt_of_2010_guesses_whatever_it_is_told() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 7, 6))
    first, *_ = judge(CONTROL, store(guest(disk()), facts=[old]))
    assert (first.result, first.message) == ("fail", "libvirt 0.7.6 guesses formats and cannot be told not to")
