"""No unencrypted copy of an encrypted guest is left."""

import pytest

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import (
    IMAGES,
    LV,
    OPEN,
    REFUSED,
    Files,
    block,
    disk,
    node,
    partitioned,
    private,
    store,
    strong,
    volume,
)
from virtwarden.controls.encryption.plaintext_copies_absent import CONTROL
from virtwarden.host import Host, Stat, Unknown

OTHER = disk(f"{IMAGES}/web-db.qcow2")
SNAPSHOT = """\
<domainsnapshot>
  <name>before</name>
  <memory snapshot='external' file='/srv/web.mem'/>
  <domain><devices><disk type='file'><source file='/srv/old/web.img'/></disk></devices></domain>
</domainsnapshot>
"""


def host(files: Files, *stats: Stat, name: str = "web") -> Host:
    members = (guest(OPEN, name=name), guest(OTHER, name="web-db"))
    return store(*members, files={**volume(), **files}, stats=[node(), *stats])


def test_nothing_beside_an_encrypted_guest_passes() -> None:
    (finding,) = judge(CONTROL, host({f"{IMAGES}/web-db.qcow2": headers.qcow2(backing=b"")}))
    assert (finding.result, finding.subject.name) == ("pass", "web")
    assert finding.message == "it lies on the encrypted volume guest01-img; no other copy was found"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("web", partitioned(10 << 30)),
        ("web.img", partitioned(10 << 30)),
        ("web.qcow2", headers.qcow2(backing=b"")),
        ("web_old.qcow2.bak", headers.qcow2(backing=b"")),
        ("guest01.img", partitioned(10 << 30)),
    ],
)
def test_the_original_fails(name: str, data: bytes) -> None:
    path = f"{IMAGES}/{name}"
    (finding,) = judge(CONTROL, host({path: data}, private(path, 10 << 30)))
    assert (finding.result, finding.message) == ("fail", f"{path} is not encrypted")
    assert finding.evidence[0].path == path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("web.luks", strong()),
        ("web-new.qcow2", headers.qcow2(backing=b"", method=2, extensions=())),
        ("web-db-old.img", partitioned(10 << 30)),
        ("website.img", partitioned(10 << 30)),
        ("web.img.gpg", b"\x8c\x0d"),
    ],
)
def test_what_is_encrypted_or_of_another_guest_does_not_count(name: str, data: bytes) -> None:
    path = f"{IMAGES}/{name}"
    assert results(CONTROL, host({path: data}, private(path, 10 << 30))) == ["pass"]


def test_small_files_and_directories_are_no_images() -> None:
    assert results(CONTROL, host({f"{IMAGES}/web.xml": "<domain/>"})) == ["pass"]
    assert results(CONTROL, host({}, private(f"{IMAGES}/web", kind="dir"))) == ["pass"]


def test_a_plain_logical_volume_of_its_name_fails() -> None:
    spare = {**block("dm-7", name="vg-web", uuid=LV, below="vda"), "/dev/mapper/vg-web": partitioned(10 << 30)}
    stat = node("/dev/mapper/vg-web", "/dev/dm-7")
    (finding,) = judge(CONTROL, host(spare, stat))
    assert finding.message == "/dev/mapper/vg-web is not encrypted"
    mounted = {"/proc/mounts": "/dev/vda1 / ext4 rw 0 0\n/dev/mapper/vg-web /srv/web ext4 rw 0 0\n"}
    assert results(CONTROL, host({**spare, **mounted}, stat)) == ["pass"]


def test_saved_memory_and_disks_of_snapshots_fail() -> None:
    files = {
        "/var/lib/libvirt/qemu/save/web.save": b"LibvirtQemudSave",
        "/var/lib/libvirt/qemu/snapshot/web/before.xml": SNAPSHOT,
        "/srv/web.mem": b"",
        "/srv/old/web.img": partitioned(10 << 30),
    }
    found = judge(CONTROL, host(files, private("/srv/old/web.img", 10 << 30)))
    assert [(f.result.value, f.message) for f in found] == [
        ("fail", "/var/lib/libvirt/qemu/save/web.save is a saved guest in the clear"),
        ("fail", "/srv/web.mem is a memory of a snapshot in the clear"),
        ("fail", "/srv/old/web.img is a disk of an old snapshot and not encrypted"),
    ]


def test_what_a_snapshot_remembers_and_is_in_use_or_gone_does_not_count() -> None:
    path = "/var/lib/libvirt/qemu/snapshot/web/one.xml"
    inside = SNAPSHOT.replace("/srv/old/web.img", "/dev/mapper/guest01-img")
    assert results(CONTROL, host({path: inside})) == ["pass"]
    assert results(CONTROL, host({path: SNAPSHOT, "/var/lib/libvirt/qemu/save/db.save": ""})) == ["pass"]
    lost = "/var/lib/libvirt/qemu/save/web.save"
    world = store(guest(OPEN), files={**volume(), lost: ""}, stats=[node()], refused={lost: Unknown("denied")})
    assert results(CONTROL, world) == ["fail"]


def test_a_closed_volume_is_known_by_the_name_of_its_logical_volume() -> None:
    files = {
        path: data for path, data in volume(luks=strong()).items() if "dm-1" not in path and "img" not in path
    }
    path = f"{IMAGES}/web.img"
    host = store(guest(OPEN), files={**files, path: partitioned(1 << 30)}, stats=[private(path, 10 << 30)])
    assert results(CONTROL, host) == ["fail"]
    files |= {**block("dm-9", name="vg-spare", uuid=LV), "/dev/dm-9": b"plain"}
    unrelated = store(guest(disk("/dev/mapper/other", format="raw")), files=files)
    assert results(CONTROL, unrelated) == ["unknown"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host({f"{IMAGES}/web.img": REFUSED})) == ["unknown"]
    assert results(CONTROL, host({f"{IMAGES}/*": REFUSED})) == ["unknown"]
    path = f"{IMAGES}/web.img"
    unseen = store(guest(OPEN), files={**volume(), path: b"x"}, stats=[node()], refused={path: Unknown("denied")})
    assert results(CONTROL, unseen) == ["unknown"]
    old = {"/var/lib/libvirt/qemu/snapshot/web/a.xml": SNAPSHOT, "/srv/old/web.img": REFUSED}
    assert results(CONTROL, host(old)) == ["unknown"]
    blind = store(guest(OPEN + OPEN), files={"/sys/class/block/*/size": Unknown("denied")}, stats=[node()])
    assert results(CONTROL, blind) == ["unknown"]
    unread = "/var/lib/libvirt/qemu/save/*"
    assert results(CONTROL, host({unread: REFUSED})) == ["unknown"]


def test_guests_without_encryption_and_volumes_that_hold_more_are_not_judged() -> None:
    iso = disk(f"{IMAGES}/web.iso", device="cdrom", format="raw")
    assert results(CONTROL, store(guest(OTHER + iso))) == ["notapplicable"]
    whole = {
        **block("dm-0", name="root", uuid="CRYPT-LUKS2-1-root"),
        **block("dm-1", name="vg-web", uuid=LV, below="dm-0"),
    }
    lv = disk("/dev/vg/web", format="raw")
    host = store(guest(lv), files={**whole, "/dev/vg/web": b""}, stats=[node("/dev/vg/web", "/dev/dm-1")])
    assert results(CONTROL, host) == ["notapplicable"]
