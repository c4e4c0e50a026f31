"""Encrypted volumes of guests that are off are closed."""

from dataclasses import replace

from tests.kit import guest, judge, made, results
from tests.storagehost import LIBVIRT, OPEN, disk, node, store, volume
from virtwarden.controls.encryption.encrypted_volumes_closed_when_idle import CONTROL
from virtwarden.edits import SetState
from virtwarden.facts.guests import Guests
from virtwarden.host import Unknown
from virtwarden.model import Document, State


def test_an_open_volume_of_a_guest_that_is_off_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, store(guest(OPEN), files=volume(), stats=[node()]))
    assert (finding.result, finding.state) == ("fail", State.IN_FORCE)
    assert finding.message == "guest01-img is open, and web does not run"
    (change,) = finding.fix
    assert (change.document, change.edit) == (Document("mapping", "guest01-img"), SetState("closed"))
    assert finding.evidence[0].path == "/sys/class/block/dm-1/dm/uuid"


def test_one_of_a_running_guest_passes_once_for_all_that_have_it() -> None:
    host = store(guest(OPEN, running=True), guest(OPEN, name="twin"), files=volume(), stats=[node()])
    assert results(CONTROL, host) == ["pass"]


def test_one_that_is_not_open_passes() -> None:
    (finding,) = judge(CONTROL, store(guest(OPEN)))
    assert (finding.result, finding.message) == ("pass", "/dev/mapper/guest01-img is not open")


def test_other_disks_are_not_judged() -> None:
    files = volume()
    plain = disk("/dev/vg/guest01-crypt", format="raw")
    host = store(guest(disk() + plain), files=files, stats=[node("/dev/vg/guest01-crypt", "/dev/dm-0")])
    assert results(CONTROL, host) == ["notapplicable"]


def test_what_cannot_be_told_is_unknown() -> None:
    blind = store(guest(OPEN), files={"/sys/class/block/*/size": Unknown("denied")}, stats=[node()])
    assert results(CONTROL, blind) == ["unknown"]
    members = replace(Guests((guest(OPEN),)), liveness="/run is not part of an image")
    world = made(members, LIBVIRT, files={"/proc/mounts": "", **volume()}, stats=[node()])
    assert results(CONTROL, world) == ["unknown"]
