"""No disk's cache drops what the guest has asked to be made durable."""

from tests.kit import guest, judge, results
from tests.storagehost import disk, store
from virtwarden.controls.storage.disk_caches_safe import CONTROL
from virtwarden.edits import SetAttribute
from virtwarden.model import Document, Safety


def test_a_cache_that_flushes_passes() -> None:
    inside = disk() + disk(target="vdb", driver="cache='none'") + disk(target="vdc", driver="cache='writeback'")
    assert results(CONTROL, store(guest(inside))) == ["pass", "pass", "pass"]


def test_an_unsafe_one_fails_in_each_state_with_the_fix() -> None:
    inside = disk() + disk(target="vdb", driver="cache='unsafe'")
    findings = judge(CONTROL, store(guest(inside, running=True)))
    assert [f.result.value for f in findings] == ["pass", "fail", "pass", "fail"]
    (change,) = findings[1].fix
    assert (change.document, change.safety) == (Document("domain", "web"), Safety.DISRUPTIVE)
    assert change.edit == SetAttribute("devices/disk[2]/driver", "cache", "none")


def test_a_guest_without_disks_has_none() -> None:
    assert results(CONTROL, store(guest())) == ["notapplicable"]
