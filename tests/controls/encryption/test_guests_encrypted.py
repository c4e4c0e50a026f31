"""Guests that the policy names have all their disks encrypted."""

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import IMAGES, LV, OPEN, REFUSED, WEB, block, disk, node, private, store, strong, volume
from virtwarden.controls.encryption.guests_encrypted import CONTROL
from virtwarden.facts.policy import Encryption, Policy
from virtwarden.host import Unknown
from virtwarden.model import State

POLICY = [Policy(encryption=Encryption(guests=("web*",)))]
PLAIN = {**block("vda1"), WEB: headers.qcow2(backing=b"")}


def test_a_plain_image_fails_in_each_state() -> None:
    found = judge(CONTROL, store(guest(disk(), running=True), files=PLAIN, facts=POLICY))
    assert [(f.result.value, f.state) for f in found] == [("fail", State.ON_DISK), ("fail", State.IN_FORCE)]
    assert found[0].message == f"{WEB} is not encrypted"


def test_a_volume_an_encrypted_image_and_an_encrypted_file_system_pass() -> None:
    assert results(CONTROL, store(guest(OPEN), files=volume(), stats=[node()], facts=POLICY)) == ["pass"]
    by_qemu = disk(inside="<encryption format='luks'><secret type='passphrase' uuid='1'/></encryption>")
    assert results(CONTROL, store(guest(by_qemu), facts=POLICY)) == ["pass"]
    header = {WEB: headers.qcow2(backing=b"", method=2, extensions=())}
    assert results(CONTROL, store(guest(disk()), files=header, facts=POLICY)) == ["pass"]
    root = {
        **block("dm-0", name="luks-root", uuid="CRYPT-LUKS2-1-luks-root", below="vda2"),
        **block("dm-1", name="vg-root", uuid=LV, below="dm-0"),
        "/proc/mounts": "/dev/mapper/vg-root / ext4 rw 0 0\n",
        WEB: headers.qcow2(backing=b""),
    }
    (finding,) = judge(CONTROL, store(guest(disk()), files=root, stats=[private(WEB)], facts=POLICY))
    assert (finding.result, finding.message) == ("pass", "its file system is on the encrypted volume luks-root")


def test_a_plain_device_and_a_network_disk_fail() -> None:
    files = {**block("dm-0", name="vg-web", uuid=LV, below="vda"), **block("vda"), "/dev/vg/web": b""}
    lv = disk("/dev/vg/web", format="raw")
    host = store(guest(lv), files={**files, "/proc/mounts": "devtmpfs /dev devtmpfs rw 0 0\n"}, facts=POLICY)
    assert results(CONTROL, host) == ["fail"]
    network = "<disk type='network' device='disk'><source protocol='rbd' name='p/x'/><target dev='vda'/></disk>"
    assert results(CONTROL, store(guest(network), facts=POLICY)) == ["fail"]
    nfs = {**PLAIN, "/proc/mounts": f"nas:/vm {IMAGES} nfs4 rw 0 0\n"}
    assert results(CONTROL, store(guest(disk()), files=nfs, facts=POLICY)) == ["fail"]


def test_a_closed_volume_is_known_from_crypttab_or_from_its_header() -> None:
    table = {"/etc/crypttab": "guest01-img /dev/vg/guest01-crypt none luks,noauto\n"}
    assert results(CONTROL, store(guest(OPEN), files=table, facts=POLICY)) == ["pass"]
    closed = {
        path: data for path, data in volume(luks=strong()).items() if "dm-1" not in path and "img" not in path
    }
    assert results(CONTROL, store(guest(OPEN), files=closed, facts=POLICY)) == ["pass"]
    assert results(CONTROL, store(guest(OPEN), files={"/etc/crypttab": ""}, facts=POLICY)) == ["unknown"]


def test_what_cannot_be_told_is_unknown() -> None:
    blind = {**PLAIN, "/sys/class/block/*/size": Unknown("denied")}
    assert results(CONTROL, store(guest(disk()), files=blind, facts=POLICY)) == ["unknown"]
    assert results(CONTROL, store(guest(disk()), files={**PLAIN, "/proc/mounts": REFUSED}, facts=POLICY)) == [
        "unknown"
    ]
    zfs = {**PLAIN, "/proc/mounts": "tank/vm / zfs rw 0 0\n"}
    assert results(CONTROL, store(guest(disk()), files=zfs, facts=POLICY)) == ["unknown"]
    volume_disk = "<disk type='volume' device='disk'><source pool='gone' volume='x'/><target dev='vda'/></disk>"
    assert results(CONTROL, store(guest(volume_disk), facts=POLICY)) == ["unknown"]


def test_guests_that_the_policy_does_not_name_are_not_judged() -> None:
    (finding,) = judge(CONTROL, store(guest(disk())))
    assert finding.message == "the policy names no guest that must be encrypted"
    iso = disk(f"{IMAGES}/x.iso", device="cdrom", format="raw")
    (finding,) = judge(CONTROL, store(guest(iso), guest(disk(), name="db"), facts=POLICY))
    assert (finding.result, finding.message) == ("notapplicable", "no such guest has a disk")
