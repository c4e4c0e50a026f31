"""Images of running guests have the label of their process, those of idle guests none that a guest reaches."""

from dataclasses import replace

import pytest

from tests.kit import entry, guest, guests, judge, made, results
from tests.storagehost import LIBVIRT, MOUNTS, WEB, disk, store
from tests.svirthost import IMAGE, NOTHING, PROCESS, SELINUX, labelled, seclabel
from virtwarden.controls.svirt.images_labelled import CONTROL
from virtwarden.facts.domain import Guest
from virtwarden.host import Host, Unknown
from virtwarden.model import Finding, State

IDLE = "system_u:object_r:virt_image_t:s0"
OPEN = "system_u:object_r:svirt_image_t:s0"
RUNNING = labelled(image=IMAGE, devices=disk())


def host(
    *members: Guest, label: str | None = IMAGE, path: str = WEB, kind: str = "file", mounts: str = MOUNTS
) -> Host:
    stats = [entry(path, label=label, kind=kind)]
    return store(*members, facts=[SELINUX], stats=stats, files={"/proc/mounts": mounts})


def only(world: Host) -> Finding:
    (finding,) = judge(CONTROL, world)
    return finding


def test_an_image_with_the_label_of_its_guest_passes() -> None:
    finding = only(host(RUNNING))
    assert (finding.result, finding.state, finding.subject.name) == ("pass", State.IN_FORCE, "web vda")
    assert finding.evidence[0].path == WEB
    assert only(host(labelled(devices=disk()))).result == "pass"


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (OPEN, f"{WEB} has the categories none, the guest c392,c662"),
        (IMAGE.replace("c392", "c1"), f"{WEB} has the categories c1,c662, the guest c392,c662"),
        (IDLE, f"{WEB} has the type virt_image_t, not svirt_image_t"),
    ],
)
def test_an_image_with_another_label_fails(label: str, message: str) -> None:
    for member in (RUNNING, labelled(devices=disk())):
        finding = only(host(member, label=label))
        assert (finding.result, finding.message) == ("fail", message)
        assert finding.fix[0].edit.steps == f"stop the guest, restorecon -F {WEB}, start it"  # type: ignore[union-attr]


def test_the_type_alone_counts_where_the_guests_label_is_not_known() -> None:
    assert only(host(guest(disk(), running=True))).result == "pass"
    unlabelled = guest(disk(), extra=seclabel(), running=True)
    assert only(host(unlabelled, label=IDLE)).result == "fail"


def test_a_disk_may_have_a_label_of_its_own_or_none_where_it_is_shared() -> None:
    own = disk(inside="<seclabel model='selinux' relabel='yes'><label>a:object_r:lab_t:s0:c7</label></seclabel>")
    member = labelled(image=IMAGE, devices=own)
    assert only(host(member, label="a:object_r:lab_t:s0:c7")).result == "pass"
    assert only(host(member)).result == "fail"
    shared = labelled(image=IMAGE, devices=disk(more="<shareable/>"))
    assert only(host(shared, label=OPEN)).result == "pass"


def test_idle_images_keep_nothing_of_an_earlier_start() -> None:
    assert only(host(guest(disk()), label=IDLE)).result == "pass"
    finding = only(host(guest(disk()), label=IMAGE))
    assert (finding.result, finding.state) == ("fail", State.ON_DISK)
    assert finding.message == f"{WEB} still has the categories c392,c662 of an earlier start"
    assert finding.fix[0].edit.steps == f"restorecon -F {WEB}"  # type: ignore[union-attr]
    assert "every guest can open it" in only(host(guest(disk()), label=OPEN)).message
    assert only(host(guest(disk(more="<shareable/>")), label=OPEN)).result == "pass"


def test_a_static_label_without_relabelling_keeps_its_images() -> None:
    kept = guest(disk(), extra=seclabel(PROCESS, kind="static"))
    assert only(host(kept)).result == "pass"
    assert "its guest's static label c392,c662" in only(host(kept, label=IDLE)).message
    restored = guest(disk(), extra=seclabel(PROCESS, kind="static", relabel="yes"))
    assert only(host(restored)).result == "fail"


def test_an_image_that_another_guest_runs_on_is_judged_for_that_one() -> None:
    finding = only(host(RUNNING, guest(disk(), name="copy")))
    assert (finding.result, finding.subject.name) == ("pass", "web vda")


def test_only_what_a_guest_writes_to_is_judged() -> None:
    read = disk(more="<readonly/>") + disk("/iso", target="sda", device="cdrom")
    assert results(CONTROL, host(guest(read))) == ["notapplicable"]


def test_devices_are_labelled_where_only_qemu_sees_it() -> None:
    node = "/dev/vg/web"
    member = labelled(image=IMAGE, devices=disk(node, format="raw"))
    finding = only(host(member, path=node, kind="block", label="system_u:object_r:fixed_disk_device_t:s0"))
    assert finding.result == "notapplicable"
    assert only(host(member, path=node, kind="block", label=OPEN)).result == "fail"


def test_network_storage_has_labels_of_its_own() -> None:
    mounts = MOUNTS + "nas:/i /var/lib/libvirt/images nfs4 rw 0 0\n"
    finding = only(host(RUNNING, label="system_u:object_r:nfs_t:s0", mounts=mounts))
    assert (finding.result, finding.message) == ("notapplicable", f"{WEB} lies on network storage")
    nowhere = "proc /proc proc rw 0 0\n"
    assert only(host(RUNNING, mounts=nowhere)).result == "pass"


def test_what_cannot_be_seen_is_unknown() -> None:
    assert only(host(RUNNING, label=None)).result == "unknown"
    assert only(host(RUNNING, label="nonsense")).result == "unknown"
    bad = labelled("nonsense", devices=disk())
    assert only(host(bad)).result == "unknown"
    refused = store(RUNNING, facts=[SELINUX], refused={WEB: Unknown("permission denied")})
    assert only(refused).result == "unknown"
    assert only(store(RUNNING, facts=[SELINUX])).result == "notapplicable"
    volume = "<disk type='volume'><source pool='gone' volume='web'/><target dev='vda'/></disk>"
    assert only(store(guest(volume), facts=[SELINUX])).result == "unknown"


def test_on_an_image_categories_may_be_those_of_a_guest_that_ran() -> None:
    blind = replace(guests(guest(disk())), liveness="an image does not tell")
    for label, result in ((IMAGE, "unknown"), (IDLE, "pass")):
        world = made(blind, LIBVIRT, SELINUX, files={"/proc/mounts": MOUNTS}, stats=[entry(WEB, label=label)])
        assert only(world).result == result


def test_hosts_without_selinux_are_not_judged() -> None:
    assert results(CONTROL, made(NOTHING)) == ["notapplicable"]


def test_a_guest_outside_of_confinement_has_no_label_to_compare() -> None:
    free = guest(disk(), running=True, extra="<seclabel type='none' model='selinux'/>")
    finding = only(host(free, label=IDLE))
    assert finding.result == "notapplicable"
    assert finding.message == "libvirt gives no labels for a guest that is outside of confinement"
