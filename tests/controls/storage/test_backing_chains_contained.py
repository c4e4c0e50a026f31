"""Images lie only on images in places for images, in formats that are said."""

import pytest

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import IMAGES, REFUSED, WEB, Files, disk, store
from virtwarden.controls.storage.backing_chains_contained import CONTROL
from virtwarden.facts.policy import Policy, Storage
from virtwarden.host import Host

RAW_BELOW = ((0xE2792ACA, b"raw"),)
DATA_FILE = 0x44415441


def lying_on(name: bytes, below: str = "raw", more: Files | None = None) -> Host:
    extensions = ((0xE2792ACA, below.encode()),) if below else ()
    return store(guest(disk()), files={WEB: headers.qcow2(backing=name, extensions=extensions), **(more or {})})


def test_an_image_on_nothing_and_one_on_its_neighbour_pass() -> None:
    (alone,) = judge(CONTROL, store(guest(disk(), running=True), files={WEB: headers.qcow2(backing=b"")}))
    assert (alone.result, alone.message) == ("pass", "lies on no other image")
    (above,) = judge(CONTROL, lying_on(b"base.img"))
    assert (above.result, above.message) == ("pass", f"lies on {IMAGES}/base.img")
    raw = store(guest(disk(f"{IMAGES}/x.img", format="raw")), files={f"{IMAGES}/x.img": headers.qcow2()})
    assert results(CONTROL, raw) == ["pass"]


@pytest.mark.parametrize(
    ("name", "below", "says"),
    [
        (b"/etc/shadow", "raw", "it is outside the directories of images"),
        (b"../../../../etc/shadow", "raw", "it is outside the directories of images"),
        (b"file:/etc/shadow", "raw", "it is outside the directories of images"),
        (b"nbd://203.0.113.9/x", "raw", "it is reached by a protocol"),
        (b'json:{"driver":"nbd"}', "raw", "it is reached by a protocol"),
        (b"base.img", "", "its format is not said"),
        (b"/etc/shadow", "", "it is outside the directories of images and its format is not said"),
        (b"web.qcow2", "qcow2", "it lies on itself"),
    ],
)
def test_what_leads_elsewhere_fails(name: bytes, below: str, says: str) -> None:
    (finding,) = judge(CONTROL, lying_on(name, below))
    assert finding.result == "fail"
    assert finding.message == f"backing file {name.decode()} of {WEB}: {says}"
    assert finding.evidence[0].path == WEB


def test_a_long_name_is_shown_in_part() -> None:
    (finding,) = judge(CONTROL, lying_on(b"json:" + b"x" * 900))
    assert len(finding.message) < 400


def test_a_data_file_elsewhere_fails_and_one_without_a_name_is_unknown() -> None:
    named = headers.qcow2(backing=b"", extensions=((DATA_FILE, b"/dev/sda"),), incompatible=4)
    (finding,) = judge(CONTROL, store(guest(disk()), files={WEB: named}))
    assert finding.message == f"data file /dev/sda of {WEB}: it is outside the directories of images"
    nameless = headers.qcow2(backing=b"", extensions=(), incompatible=4)
    assert results(CONTROL, store(guest(disk()), files={WEB: nameless})) == ["unknown"]


def test_the_second_level_counts_and_a_loop_ends() -> None:
    base = {f"{IMAGES}/base.qcow2": headers.qcow2(backing=b"/etc/shadow", extensions=RAW_BELOW)}
    (finding,) = judge(CONTROL, lying_on(b"base.qcow2", "qcow2", more=base))
    assert f"of {IMAGES}/base.qcow2: it is outside" in finding.message
    back = {f"{IMAGES}/base.qcow2": headers.qcow2(backing=b"web.qcow2")}
    (finding,) = judge(CONTROL, lying_on(b"base.qcow2", "qcow2", more=back))
    assert finding.message.endswith("it lies on itself")


def test_the_policys_directories_and_pools_are_places_for_images() -> None:
    policy = Policy(storage=Storage(image_directories=(IMAGES, "/srv/bases")))
    files = {WEB: headers.qcow2(backing=b"/srv/bases/b.img", extensions=RAW_BELOW)}
    assert results(CONTROL, store(guest(disk()), files=files, facts=[policy])) == ["pass"]
    pool = "<pool type='dir'><name>b</name><target><path>/srv/bases</path></target></pool>"
    assert results(CONTROL, store(guest(disk()), files={**files, "/etc/libvirt/storage/b.xml": pool})) == ["pass"]
    assert results(CONTROL, store(guest(disk()), files=files)) == ["fail"]


def test_what_only_the_running_guests_xml_tells_is_judged_too() -> None:
    below = "<backingStore type='file'><format type='raw'/><source file='{0}'/></backingStore>"
    world = store(guest(disk(more=below.format("/etc/shadow"))), files={WEB: REFUSED})
    unread, finding = judge(CONTROL, world)
    assert (unread.result, finding.result) == ("unknown", "fail")
    assert finding.evidence[0].path == "/etc/libvirt/qemu/web.xml"
    told = f"{IMAGES}/base.img"
    known = {WEB: headers.qcow2(backing=told.encode(), extensions=RAW_BELOW)}
    assert results(CONTROL, store(guest(disk(more=below.format(told))), files=known)) == ["pass"]


def test_a_pool_that_is_no_directory_gives_no_place() -> None:
    pool = "<pool type='disk'><name>b</name><target><path>/etc</path></target></pool>"
    files = {WEB: headers.qcow2(backing=b"/etc/shadow", extensions=RAW_BELOW), "/etc/libvirt/storage/b.xml": pool}
    assert results(CONTROL, store(guest(disk()), files=files)) == ["fail"]
    refused = {WEB: headers.qcow2(backing=b""), "/etc/libvirt/storage/*.xml": REFUSED}
    assert results(CONTROL, store(guest(disk()), files=refused)) == ["pass"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, store(guest(disk()), files={WEB: REFUSED})) == ["unknown"]
    assert results(CONTROL, store(guest(disk()), files={WEB: b"QFI\xfb\0\0\0\x03"})) == ["unknown"]
    assert results(CONTROL, store(guest(disk()), files={WEB: b"no header"})) == ["unknown"]
    assert results(CONTROL, store(guest(disk()))) == ["notapplicable"]
    assert results(CONTROL, lying_on(b"base.qcow2", "qcow2", more={f"{IMAGES}/base.qcow2": b"junk"})) == [
        "unknown"
    ]
    vmdk = store(guest(disk(f"{IMAGES}/x.vmdk", format="vmdk")), files={f"{IMAGES}/x.vmdk": b"KDMV"})
    assert results(CONTROL, vmdk) == ["unknown"]
    volume = "<disk type='volume' device='disk'><source pool='gone' volume='x'/><target dev='vda'/></disk>"
    assert results(CONTROL, store(guest(volume))) == ["unknown"]


def test_a_chain_of_too_many_levels_is_unknown() -> None:
    names = [f"{IMAGES}/{number}.qcow2" for number in range(40)]
    files = {path: headers.qcow2(backing=f"{n + 1}.qcow2".encode()) for n, path in enumerate(names)}
    assert results(CONTROL, store(guest(disk(names[0])), files=files)) == ["unknown"]


def test_disks_elsewhere_are_not_judged() -> None:
    network = "<disk type='network' device='disk'><source protocol='rbd' name='p/x'/><target dev='vda'/></disk>"
    assert results(CONTROL, store(guest(network))) == []
