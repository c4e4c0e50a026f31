"""Files that hold guests' data can be read and written by their owner alone."""

import pytest

from tests.formats import headers
from tests.kit import entry, guest, judge, results
from tests.storagehost import IMAGES, REFUSED, WEB, disk, node, private, store
from virtwarden.controls.storage.images_private import CONTROL
from virtwarden.edits import SetMode
from virtwarden.host import Absent, Unknown

HEADER = {WEB: headers.qcow2(backing=b"")}
ISO = disk(f"{IMAGES}/debian.iso", format="raw", target="sda", device="cdrom", more="<readonly/>")


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        (0o644, "mode 0644: others may read it"),
        (0o660, "mode 0660: group root may write it"),
        (0o666, "mode 0666: others may write it"),
        (0o640, "mode 0640: group root may read it"),
    ],
)
def test_an_image_that_others_reach_fails_with_the_fix(mode: int, says: str) -> None:
    (finding,) = judge(CONTROL, store(guest(disk()), files=HEADER, stats=[entry(WEB, mode=mode)]))
    assert (finding.result, finding.message) == ("fail", says)
    assert finding.subject.name == f"web {WEB}"
    assert (finding.fix[0].document.name, finding.fix[0].edit) == (WEB, SetMode(mode=0o600))
    assert finding.evidence[0].text.startswith(f"file {mode:04o} ")


def test_a_private_image_is_judged_once_for_both_definitions() -> None:
    host = store(guest(disk(), running=True), files=HEADER, stats=[private(WEB, owner="qemu")])
    assert results(CONTROL, host) == ["pass"]


def test_an_overlay_of_an_inactive_snapshot_is_told_as_such() -> None:
    base = f"{IMAGES}/base.qcow2"
    files = {WEB: headers.qcow2(), base: headers.qcow2(backing=b"")}
    host = store(guest(disk()), files=files, stats=[entry(WEB), private(base)])
    overlay, lower = judge(CONTROL, host)
    assert "CVE-2025-13193" in overlay.message
    assert (lower.result, lower.subject.name) == ("pass", f"web {base}")


def test_a_device_node_is_judged_for_others_only() -> None:
    inside = disk("/dev/vg/web", format="raw")
    stats = [node("/dev/vg/web", "/dev/dm-0")]
    assert results(CONTROL, store(guest(inside), files={"/dev/vg/web": b""}, stats=stats)) == ["pass"]


def test_only_large_media_may_be_read_by_all() -> None:
    path = f"{IMAGES}/debian.iso"
    large = store(guest(ISO), files={path: b""}, stats=[entry(path, size=700 << 20)])
    assert results(CONTROL, large) == ["pass"]
    seed = store(guest(ISO), files={path: b""}, stats=[entry(path, size=366 << 10)])
    assert results(CONTROL, seed) == ["fail"]
    written = store(guest(ISO), files={path: b""}, stats=[entry(path, size=700 << 20, mode=0o666)])
    assert results(CONTROL, written) == ["fail"]


def test_firmware_variables_and_tpm_state_and_saved_guests_count() -> None:
    nvram = "/var/lib/libvirt/qemu/nvram/web_VARS.fd"
    stats = [
        entry(nvram),
        entry("/var/lib/libvirt/qemu/nvram/old_VARS.fd", mode=0o600),
        entry("/var/lib/libvirt/qemu/save/db.save", mode=0o644),
        entry("/var/lib/libvirt/swtpm/1111/tpm2", kind="dir", mode=0o755, owner="tss"),
    ]
    files = {stat.path: "" for stat in stats[:-1]}
    findings = judge(CONTROL, store(guest(extra=f"<os><nvram>{nvram}</nvram></os>"), files=files, stats=stats))
    told = {finding.subject.name: str(finding.result) for finding in findings}
    assert told == {
        f"web {nvram}": "fail",
        "db /var/lib/libvirt/qemu/save/db.save": "fail",
        "/var/lib/libvirt/qemu/nvram/old_VARS.fd": "pass",
        "/var/lib/libvirt/swtpm/1111/tpm2": "fail",
    }
    assert findings[-1].fix[0].edit == SetMode(mode=0o700)


def test_what_cannot_be_seen_is_unknown_and_what_is_not_there_is_not_judged() -> None:
    assert results(CONTROL, store(guest(disk()), refused={WEB: REFUSED})) == ["unknown"]
    assert results(CONTROL, store(guest(disk()))) == ["notapplicable"]
    save = "/var/lib/libvirt/qemu/save"
    host = store(files={f"{save}/*": Unknown(f"{save}: permission denied")})
    assert results(CONTROL, host) == ["unknown"]
    gone = store(files={f"{save}/a.save": ""}, refused={f"{save}/a.save": Absent("gone")})  # type: ignore[dict-item]
    assert results(CONTROL, gone) == []
    lost = store(files={f"{save}/a.save": ""}, refused={f"{save}/a.save": REFUSED})
    assert results(CONTROL, lost) == ["unknown"]
    volume = "<disk type='volume' device='disk'><source pool='gone' volume='x'/><target dev='vda'/></disk>"
    assert results(CONTROL, store(guest(volume))) == ["unknown"]


def test_a_chain_without_end_is_not_taken_for_private() -> None:
    names = [f"{IMAGES}/{number}.qcow2" for number in range(40)]
    files = {
        path: headers.qcow2(backing=below.encode()) for path, below in zip(names, [*names[1:], "/x"], strict=True)
    }
    found = results(CONTROL, store(guest(disk(names[0])), files=files, stats=[private(path) for path in names]))
    assert set(found) == {"pass", "unknown"}
