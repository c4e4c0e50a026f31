"""Only disks that are meant to be shared are written by more than one guest."""

from tests.formats import headers
from tests.kit import entry, guest, judge, results
from tests.storagehost import IMAGES, WEB, disk, node, store
from virtwarden.controls.storage.shared_disks_intended import CONTROL
from virtwarden.edits import Do, RemoveElement
from virtwarden.facts.policy import Policy, Storage

SHARED = disk("/dev/vg/quorum", format="raw", more="<shareable/>")
ISO = disk(f"{IMAGES}/debian.iso", format="raw", target="sda", device="cdrom", more="<readonly/>")


def test_disks_of_their_own_and_shared_media_pass() -> None:
    one, two = guest(disk(f"{IMAGES}/a.img") + ISO, name="a"), guest(disk(f"{IMAGES}/b.img") + ISO, name="b")
    assert results(CONTROL, store(one, two)) == ["pass", "pass"]


def test_a_disk_of_two_guests_fails_for_both_whatever_path_leads_to_it() -> None:
    one, two = guest(disk(f"{IMAGES}/a.img"), name="a"), guest(disk("/srv/link.img"), name="b")
    stats = [entry(f"{IMAGES}/a.img", inode="1:7"), entry("/srv/link.img", inode="1:7")]
    first, second = judge(CONTROL, store(one, two, stats=stats))
    assert first.message == f"{IMAGES}/a.img may be written to; also used by b"
    assert second.message == "/srv/link.img may be written to; also used by a"
    assert isinstance(first.fix[0].edit, Do)


def test_a_disk_that_lies_below_anothers_fails() -> None:
    base = f"{IMAGES}/base.qcow2"
    files = {WEB: headers.qcow2(backing=b"base.qcow2"), base: headers.qcow2(backing=b"")}
    findings = judge(CONTROL, store(guest(disk()), guest(disk(base), name="template"), files=files))
    assert [(f.subject.name, f.result.value) for f in findings] == [("web vda", "pass"), ("template vda", "fail")]
    assert findings[1].message == f"{base} may be written to; also used by web"


def test_device_nodes_are_told_apart_by_where_they_end() -> None:
    one, two = guest(disk("/dev/vg/a"), name="a"), guest(disk("/dev/mapper/vg-a"), name="b")
    stats = [node("/dev/vg/a", "/dev/dm-0"), node("/dev/mapper/vg-a", "/dev/dm-0")]
    assert results(CONTROL, store(one, two, stats=stats)) == ["fail", "fail"]


def test_a_shareable_disk_fails_unless_the_policy_wants_it() -> None:
    (finding,) = judge(CONTROL, store(guest(SHARED)))
    assert (finding.result, finding.message) == ("fail", "/dev/vg/quorum is shareable")
    assert finding.fix[0].edit == RemoveElement("devices/disk[1]/shareable")
    policy = Policy(storage=Storage(shared_disks=("/dev/vg/quor*",)))
    assert results(CONTROL, store(guest(SHARED, running=True), facts=[policy])) == ["pass", "pass"]


def test_the_guests_of_a_crowd_are_not_all_listed() -> None:
    (first, *_) = judge(CONTROL, store(*(guest(disk("/srv/x.img"), name=f"g{n}") for n in range(8))))
    assert first.message == "/srv/x.img may be written to; also used by g1, g2, g3, g4, g5 and 2 more"


def test_network_disks_are_told_apart_by_their_names() -> None:
    def network(name: str) -> str:
        return (
            f"<disk type='network' device='disk'><source protocol='rbd' name='{name}'/><target dev='vda'/></disk>"
        )

    hosts = store(
        guest(network("p/a"), name="a"), guest(network("p/b"), name="b"), guest(network("p/b"), name="c")
    )
    assert results(CONTROL, hosts) == ["pass", "fail", "fail"]


def test_nothing_to_judge_and_what_cannot_be_told() -> None:
    assert results(CONTROL, store(guest(ISO))) == ["notapplicable"]
    volume = "<disk type='volume' device='disk'><source pool='gone' volume='x'/><target dev='vda'/></disk>"
    assert results(CONTROL, store(guest(volume))) == ["unknown", "pass"]
