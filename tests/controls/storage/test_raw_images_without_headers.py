"""No raw image begins with the header of another format."""

import pytest

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import IMAGES, REFUSED, disk, partitioned, store
from virtwarden.controls.storage.raw_images_without_headers import CONTROL

RAW = f"{IMAGES}/web.img"


@pytest.mark.parametrize(
    ("data", "name"), [(headers.qcow2(), "qcow2"), (headers.qcow1(), "qcow"), (b"KDMV" + bytes(600), "vmdk")]
)
@pytest.mark.parametrize("declared", ["raw", None])
def test_a_forged_header_fails(data: bytes, name: str, declared: str | None) -> None:
    (finding,) = judge(CONTROL, store(guest(disk(RAW, format=declared)), files={RAW: data}))
    assert (finding.result, finding.message) == ("fail", f"it is used as raw and begins with the header of {name}")
    assert "qemu-img info -f raw" in finding.fix[0].edit.steps  # type: ignore[union-attr]


def test_the_guests_own_data_pass() -> None:
    for data in (partitioned(1 << 30), headers.luks1(), b""):
        assert results(CONTROL, store(guest(disk(RAW, format="raw")), files={RAW: data})) == ["pass"]


def test_what_is_below_a_qcow2_image_counts_and_the_image_itself_does_not() -> None:
    top = f"{IMAGES}/web.qcow2"
    files = {top: headers.qcow2(backing=b"web.img", extensions=((0xE2792ACA, b"raw"),)), RAW: headers.qcow2()}
    (finding,) = judge(CONTROL, store(guest(disk(top), running=True), files=files))
    assert (finding.result, finding.subject.name) == ("fail", f"web {RAW}")


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, store(guest(disk(RAW, format="raw")), files={RAW: REFUSED})) == ["unknown"]
    assert results(CONTROL, store(guest(disk(RAW, format="raw")))) == ["notapplicable"]
    volume = "<disk type='volume' device='disk'><source pool='gone' volume='x'/><target dev='vda'/></disk>"
    assert results(CONTROL, store(guest(volume))) == ["unknown"]


def test_a_directory_is_no_image() -> None:
    inside = "<disk type='dir' device='floppy'><source dir='/srv/x'/><target dev='fda'/></disk>"
    assert results(CONTROL, store(guest(inside))) == []
