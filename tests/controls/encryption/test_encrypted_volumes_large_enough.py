"""Encrypted volumes are as large as the disks that were copied onto them."""

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import (
    GIB,
    IMAGES,
    OPEN,
    REFUSED,
    Files,
    disk,
    folder,
    node,
    partitioned,
    private,
    store,
    volume,
)
from virtwarden.controls.encryption.encrypted_volumes_large_enough import CONTROL
from virtwarden.host import Host, Stat, Unknown


def host(data: bytes, *stats: Stat, size: int = 10 * GIB, more: Files | None = None) -> Host:
    return store(
        guest(OPEN, running=True), files={**volume(data=data, size=size), **(more or {})}, stats=[node(), *stats]
    )


def test_a_disk_that_fits_passes() -> None:
    (finding,) = judge(CONTROL, host(partitioned(10 * GIB)))
    assert (finding.result, finding.subject.name) == ("pass", "web guest01-img")
    assert finding.message == "guest01-img has 10737418240 bytes, and its partition table wants 10737418240"


def test_a_disk_that_was_cut_short_by_the_header_fails() -> None:
    (finding,) = judge(CONTROL, host(partitioned(10 * GIB), size=10 * GIB - (16 << 20)))
    assert finding.result == "fail"
    assert "lvextend -L +32M" in finding.fix[0].edit.steps  # type: ignore[union-attr]
    assert len(finding.evidence) == 2


def test_an_image_in_the_volume_and_one_that_is_left_beside_it_count() -> None:
    grown = disk("/dev/mapper/guest01-img", format="qcow2")
    inside = headers.qcow2(backing=b"")
    big = store(guest(grown), files=volume(data=inside, size=8 * GIB), stats=[node()])
    assert results(CONTROL, big) == ["fail"]
    left = host(partitioned(1 * GIB), size=8 * GIB, more={f"{IMAGES}/web.qcow2": inside})
    (finding,) = judge(CONTROL, left)
    assert finding.message == f"guest01-img has 8589934592 bytes, and {IMAGES}/web.qcow2 holds 10737418240"
    path = f"{IMAGES}/web.img"
    raw = host(
        b"", private(path, 10 * GIB), size=8 * GIB, more={path: partitioned(10 * GIB), f"{IMAGES}/web.txt": "x"}
    )
    assert results(CONTROL, raw) == ["fail"]


def test_a_raw_image_without_a_partition_table_is_known_by_its_name_and_size() -> None:
    path = f"{IMAGES}/web.img"
    cut = host(b"", private(path, 8 * GIB), size=8 * GIB - (1 << 20), more={path: b"\0" * 512})
    (finding,) = judge(CONTROL, cut)
    assert finding.message == f"guest01-img has 8588886016 bytes, and {path} holds 8589934592"
    small = host(b"", private(path, 4096), size=GIB, more={path: b"\0" * 512})
    assert results(CONTROL, small) == ["notapplicable"]


def test_an_image_of_another_format_beside_it_does_not_tell_its_size_so() -> None:
    path = f"{IMAGES}/web.vmdk"
    beside = host(b"", private(path, 8 * GIB), size=GIB, more={path: b"KDMV" + b"\0" * 508})
    assert results(CONTROL, beside) == ["notapplicable"]


def test_what_lies_beside_it_of_another_guest_does_not_count() -> None:
    files = {**volume(data=partitioned(GIB), size=8 * GIB), f"{IMAGES}/db.qcow2": headers.qcow2(backing=b"")}
    assert results(CONTROL, store(guest(OPEN), guest(name="db"), files=files, stats=[node()])) == ["pass"]


def test_what_lies_beside_a_guest_with_several_disks_is_not_taken_for_this_one() -> None:
    files = {**volume(data=partitioned(1 * GIB), size=8 * GIB), f"{IMAGES}/web.qcow2": headers.qcow2(backing=b"")}
    two = guest(OPEN + disk("/srv/other.img", format="raw", target="vdb"))
    assert results(CONTROL, store(two, files=files, stats=[node()])) == ["pass"]


def test_nothing_that_tells_and_no_volume_are_not_judged() -> None:
    assert results(CONTROL, host(b"")) == ["notapplicable"]
    assert results(CONTROL, store(guest(OPEN))) == ["notapplicable"]
    assert results(CONTROL, store(guest(disk()))) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    files = {**volume(), "/dev/mapper/guest01-img": REFUSED}
    assert results(CONTROL, store(guest(OPEN), files=files, stats=[node()])) == ["unknown"]
    blind = store(guest(OPEN), files={"/sys/class/block/*/size": Unknown("denied")}, stats=[node()])
    assert results(CONTROL, blind) == ["unknown"]


def test_an_image_beside_it_that_cannot_be_looked_at_may_be_too_large() -> None:
    path = f"{IMAGES}/web.img"
    for more, refused in (({path: REFUSED}, {}), ({f"{IMAGES}/*": REFUSED}, {}), ({path: b""}, {path: REFUSED})):
        for data in (b"", partitioned(1 * GIB)):
            files: Files = {**volume(data=data), **more}
            assert results(CONTROL, store(guest(OPEN), files=files, stats=[node()], refused=refused)) == [
                "unknown"
            ]
    inside = {**volume(data=b""), f"{IMAGES}/web": REFUSED}
    assert results(CONTROL, store(guest(OPEN), files=inside, stats=[node(), folder(f"{IMAGES}/web")])) == [
        "notapplicable"
    ]
