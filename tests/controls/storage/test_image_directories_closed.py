"""Directories of images can be listed and written by root alone."""

import pytest

from tests.kit import entry, guest, judge, results
from tests.storagehost import IMAGES, REFUSED, disk, folder, private, store
from virtwarden.controls.storage.image_directories_closed import CONTROL
from virtwarden.edits import Do, SetMode
from virtwarden.host import Stat, Unknown
from virtwarden.model import State

POOL = """\
<pool type='dir'>
  <name>vms</name>
  <target>
    <path>/srv/vms</path>
    <permissions>
      <mode>{mode}</mode>
    </permissions>
  </target>
</pool>
"""


def test_a_closed_directory_passes() -> None:
    (finding,) = judge(CONTROL, store(stats=[folder()]))
    assert (finding.result, finding.subject.name) == ("pass", IMAGES)


@pytest.mark.parametrize(
    ("stat", "says"),
    [
        (folder(mode=0o755), "mode 0755: others may list it"),
        (folder(mode=0o777), "mode 0777: others may write to it"),
        (folder(mode=0o751, group="kvm"), "mode 0751: group kvm may list it"),
    ],
)
def test_an_open_one_fails_with_the_fix(stat: Stat, says: str) -> None:
    (finding,) = judge(CONTROL, store(stats=[stat]))
    assert (finding.result, finding.message) == ("fail", says)
    assert finding.fix[0].edit == SetMode(mode=0o711)


def test_one_that_belongs_to_somebody_fails_and_qemus_user_may_own_it() -> None:
    (finding,) = judge(CONTROL, store(stats=[folder(owner="anna", mode=0o700)]))
    assert finding.message == "mode 0700: it belongs to anna"
    assert finding.fix[0].edit == SetMode(mode=0o711, owner="root")
    conf = {"/etc/libvirt/qemu.conf": 'user = "vmrun"\n'}
    assert results(CONTROL, store(stats=[folder(owner="vmrun")], files=conf)) == ["pass"]
    broken = {"/etc/libvirt/qemu.conf": "user = \n"}
    assert results(CONTROL, store(stats=[folder(owner="qemu")], files=broken)) == ["pass"]


def test_a_directory_that_serves_other_purposes_is_not_closed_by_a_machine() -> None:
    path = "/home/anna/vm.img"
    host = store(guest(disk(path)), files={path: ""}, stats=[private(path), folder("/home/anna", 0o755)])
    (finding,) = judge(CONTROL, host)
    assert finding.result == "fail"
    assert isinstance(finding.fix[0].edit, Do)


def test_a_pool_is_judged_by_its_directory_and_by_its_definition() -> None:
    files = {"/etc/libvirt/storage/vms.xml": POOL.format(mode="0755")}
    directory, definition = judge(CONTROL, store(files=files, stats=[folder("/srv/vms", 0o711)]))
    assert directory.result == "pass"
    assert (definition.result, definition.state) == ("fail", State.ON_DISK)
    assert (definition.evidence[0].line, definition.evidence[0].text) == (6, "<mode>0755</mode>")
    files = {"/etc/libvirt/storage/vms.xml": POOL.format(mode="0711")}
    assert results(CONTROL, store(files=files, stats=[folder("/srv/vms", 0o711)])) == ["pass", "pass"]


def test_what_cannot_be_seen_is_unknown() -> None:
    assert results(CONTROL, store(refused={IMAGES: REFUSED})) == ["unknown"]
    pattern = "/etc/libvirt/storage/*.xml"
    assert results(CONTROL, store(files={pattern: Unknown("denied")}, stats=[folder()])) == ["pass", "unknown"]
    files = {"/etc/libvirt/storage/vms.xml": REFUSED}
    assert results(CONTROL, store(files=files, stats=[folder()])) == ["pass", "unknown"]


def test_a_pool_without_a_mode_or_a_directory_has_no_definition_to_judge() -> None:
    bare = "<pool type='dir'><name>a</name><target><path>/srv/a</path></target></pool>"
    lvm = "<pool type='logical'><name>vg</name><source><name>vg</name></source><target/></pool>"
    files = {"/etc/libvirt/storage/a.xml": bare, "/etc/libvirt/storage/vg.xml": lvm}
    assert results(CONTROL, store(files=files, stats=[folder("/srv/a")])) == ["pass"]


def test_a_file_where_a_directory_should_be_is_passed_over() -> None:
    assert results(CONTROL, store(stats=[entry(IMAGES)])) == []
