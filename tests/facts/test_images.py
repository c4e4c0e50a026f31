"""The files and devices that guests keep their data in, found level by level."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.formats import headers
from tests.kit import Made, guest, guests, refusing
from tests.storagehost import (
    IMAGES,
    LIBVIRT,
    LV,
    MOUNTS,
    OPEN,
    WEB,
    block,
    disk,
    node,
    store,
    strong,
    texts,
    volume,
)
from virtwarden.facts.block import BlockDevices
from virtwarden.facts.contents import Image
from virtwarden.facts.guestdisks import nvram_of
from virtwarden.facts.images import Images
from virtwarden.host import Absent, Head, Host, Unknown, Want

POOLS = {
    "/etc/libvirt/storage/vms.xml": (
        "<pool type='dir'><name>vms</name><target><path>/srv/vms</path></target></pool>"
    ),
    "/etc/libvirt/storage/vg.xml": (
        "<pool type='logical'><name>vg</name><source><name>vg0</name></source><target/></pool>"
    ),
    "/etc/libvirt/storage/rbd.xml": "<pool type='rbd'><name>rbd</name><source><name>p</name></source></pool>",
    "/run/libvirt/storage/now.xml": (
        "<poolstate><pool type='dir'><name>now</name><target><path>/srv/now</path></target></pool></poolstate>"
    ),
}


def of_pool(pool: str, name: str = "web.img") -> str:
    return f"<disk type='volume' device='disk'><source pool='{pool}' volume='{name}'/><target dev='vda'/></disk>"


def test_volumes_of_pools_become_paths() -> None:
    members = [guest(of_pool(pool), name=pool) for pool in ("vms", "vg", "rbd", "now", "gone")]
    images = store(*members, files=POOLS).get(Images)
    assert [found.path for found in images.disks] == [
        "/srv/vms/web.img",
        "/dev/vg0/web.img",
        None,
        "/srv/now/web.img",
        None,
    ]
    assert [found.trouble for found in images.disks][-1] == "there is no definition of pool gone"
    refused = store(guest(of_pool("vms")), files={"/etc/libvirt/storage/*.xml": Unknown("denied")}).get(Images)
    assert refused.disks[0].trouble == "where pool vms is: denied"


def test_an_empty_drive_is_no_disk_and_a_network_disk_has_no_path() -> None:
    empty = "<disk type='file' device='cdrom'><target dev='sda'/></disk>"
    nvme = "<disk type='nvme' device='disk'><target dev='vda'/></disk>"
    images = store(guest(empty + nvme)).get(Images)
    assert [(found.disk.kind, found.path) for found in images.disks] == [("nvme", None)]


def test_firmware_variables_are_named_in_two_ways() -> None:
    new = guest(extra="<os><nvram type='file'><source file='/v/new.fd'/></nvram></os>")
    old = guest(extra="<os><nvram template='/t.fd'>/v/old.fd</nvram></os>")
    assert [*nvram_of(new), *nvram_of(old), *nvram_of(guest())] == ["/v/new.fd", "/v/old.fd"]


def test_a_chain_is_followed_by_what_each_level_declares() -> None:
    files = {
        WEB: headers.qcow2(backing=b"file:mid.qcow2"),
        f"{IMAGES}/mid.qcow2": headers.qcow2(backing=b"/srv/base.img", extensions=((0xE2792ACA, b"raw"),)),
        "/srv/base.img": headers.qcow2(backing=b"/etc/shadow"),
    }
    images = store(guest(disk()), files=files).get(Images)
    assert [(link.path, link.format) for link in images.chain(images.disks[0])] == [
        (f"{IMAGES}/mid.qcow2", "qcow2"),
        ("/srv/base.img", "raw"),
    ]
    assert "/etc/shadow" not in images.images


def test_what_a_header_names_elsewhere_is_looked_at_and_never_read() -> None:
    class Watching(Made):
        def head(self, path: str, length: int) -> Head:
            assert not path.startswith("/etc/")
            return super().head(path, length)

    told = "<backingStore type='file'><format type='raw'/><source file='/etc/gshadow'/></backingStore>"
    top = f"{IMAGES}/evil.qcow2"
    files = {top: headers.qcow2(backing=b"/etc/shadow"), "/etc/shadow": b"root:$6$x:1::", "/etc/gshadow": b""}
    world = {**files, "/proc/mounts": MOUNTS, "/sys/class/block/loop0/size": "0"}
    images = Host(Watching(texts(world)), guests(guest(disk(top, more=told))), LIBVIRT).get(Images)
    assert not isinstance(images.images["/etc/shadow"].stat, Unknown)
    assert "was not read" in str(images.images["/etc/shadow"].content)
    assert [images.is_inside(link) for link in images.chain(images.disks[0])] == [False, False]


def test_an_image_in_the_root_directory_does_not_open_all_others() -> None:
    images = store(guest(disk("/x.qcow2")), files={"/x.qcow2": headers.qcow2(backing=b"/etc/shadow")}).get(Images)
    (link,) = images.chain(images.disks[0])
    assert not images.is_inside(link)


def test_the_whole_takes_few_trips() -> None:
    class Counting(Made):
        trips: int = 0

        def fetch(self, wants: Iterable[Want]) -> None:
            if list(wants):
                self.trips += 1

    top = {f"{IMAGES}/{n}.qcow2": headers.qcow2(backing=b"mid.qcow2") for n in range(100)}
    below = {f"{IMAGES}/mid.qcow2": headers.qcow2(backing=b"base.qcow2"), f"{IMAGES}/base.qcow2": b""}
    members = guests(*(guest(disk(f"{IMAGES}/{n}.qcow2"), name=f"g{n}") for n in range(100)))
    source = Counting({**top, **below, "/proc/mounts": MOUNTS, "/sys/class/block/loop0/size": "0"})
    images = Host(source, members, LIBVIRT).get(Images)
    assert len(images.images) == 102
    assert source.trips == 3


def test_what_is_named_after_a_guest_belongs_to_the_longest_name() -> None:
    names = ("web.img", "web-db.img", "web-db-old.img", "webs.img", "mail.qcow2", "other.img")
    files = {f"{IMAGES}/{name}": "" for name in names} | {"/vm/web/disk.img": "", "/vm/web/old.img": ""}
    members = (
        guest(disk("/vm/web/disk.img"), name="web"),
        guest(disk(f"{IMAGES}/mail-enc.qcow2"), name="mailer"),
        guest(name="web-db"),
    )
    assert store(*members, files=files).get(Images).strays == {
        f"{IMAGES}/web.img": "web",
        f"{IMAGES}/web-db.img": "web-db",
        f"{IMAGES}/web-db-old.img": "web-db",
        f"{IMAGES}/mail.qcow2": "mailer",
        "/vm/web/old.img": "web",
    }


def test_logical_volumes_that_are_used_or_mounted_are_no_strays() -> None:
    files = {
        **volume(luks=strong()),
        **block("dm-2", name="vg-guest01", uuid=LV, below="vda"),
        **block("dm-3", name="vg-guest01_tmeta", uuid=LV + "-tmeta", below="vda"),
    }
    images = store(guest(OPEN, name="guest01"), files=files, stats=[node()]).get(Images)
    assert images.strays == {"/dev/mapper/vg-guest01": "guest01"}
    unmounted = store(
        guest(OPEN, name="guest01"), files={**files, "/proc/mounts": Unknown("denied")}, stats=[node()]
    )
    assert unmounted.get(Images).strays == {}


def test_devices_are_known_by_any_of_their_names() -> None:
    files = {**volume(), "/dev/disk/by-id/dm-name-guest01-img": ""}
    stats = [node("/dev/disk/by-id/dm-name-guest01-img")]
    devices = store(files=files, stats=stats).get(BlockDevices)
    for path in ("/dev/mapper/guest01-img", "/dev/dm-1", "/dev/disk/by-id/dm-name-guest01-img"):
        assert str(devices.named(path)) == "guest01-img"
    assert str(devices.named("/dev/vg/guest01-crypt")) == "vg-guest01--crypt"
    assert devices.devices["dm-0"].logical_volume == "guest01-crypt"
    assert (devices.named("/dev/nothing"), devices.named("/srv/x")) == (None, None)
    assert str(devices.devices["vda"]) == "vda"


def test_data_on_a_device_are_encrypted_where_all_of_it_is() -> None:
    files = {
        **block("dm-0", name="a", uuid="CRYPT-LUKS2-1-a"),
        **block("dm-1", name="verity", uuid="CRYPT-VERITY-1-verity"),
        **block("dm-2", name="vg-x", uuid=LV, below="dm-0 sda"),
        **block("dm-3", name="vg-y", uuid=LV, below="dm-0"),
        **block("dm-4", name="vg-z", uuid=LV, below="dm-3 gone"),
        **block("dm-5", name="vg-a", uuid=LV, below="dm-3 dm-6"),
        **block("dm-6", name="vg-b", uuid=LV, below="dm-3"),
        **block("sda"),
    }
    devices = store(files=files).get(BlockDevices)
    encrypted = {name: devices.encrypted_by(device) for name, device in devices.devices.items()}
    assert {name for name, by in encrypted.items() if by is not None} == {"dm-0", "dm-3", "dm-5", "dm-6"}
    assert [str(device) for device in devices.above(devices.devices["dm-0"])] == ["vg-x", "vg-y"]


def test_a_device_that_goes_away_is_passed_over() -> None:
    files = {**block("sda"), "/sys/class/block/sdb/size": Absent("gone")}
    host = Host(Made(texts(files), {"/dev/disk/by-id/x": Unknown("denied")}))
    assert set(host.get(BlockDevices).devices) == {"sda"}


def test_a_host_without_sys_is_not_one_without_devices() -> None:
    with pytest.raises(Unknown):
        refusing().get(BlockDevices)
    with pytest.raises(Absent):
        Host(Made({})).get(BlockDevices)


def test_an_image_keeps_its_refusals() -> None:
    image = Image("/x", Unknown("denied"), Absent("there is no /x"))
    with pytest.raises(Unknown):
        image.entry()
    with pytest.raises(Absent):
        image.header()
    assert (image.missing, image.deeper) == (False, 0)
