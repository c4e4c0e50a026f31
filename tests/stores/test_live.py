"""Edits that a running guest can take are told from those that wait for its next start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from virtwarden.edits import AddLine, Edit, InsertElement, RemoveAttribute, RemoveElement, SetAttribute
from virtwarden.livechanges import live_edits
from virtwarden.model import Document
from virtwarden.stores.images import Nothing, StateImage, StoreError
from virtwarden.stores.live import LiveDevices, NotLive
from virtwarden.stores.programs import Programs, Said

NIC = "devices/interface[2]"
VNC = "devices/graphics[@type='vnc']"
FILTER = InsertElement(NIC, "<filterref filter='no-mac-spoofing'/>")
ENDS = SetAttribute(VNC, "passwdValidTo", "2030-01-01T00:00:00")
UUID = "6d6f636b-0000-4000-8000-000000000001"
ONE = "<interface type='bridge'><mac address='52:54:00:00:00:01'/></interface>"
TWO = "<interface type='bridge'><mac address='52:54:00:00:00:02'/></interface>"
NUMBERED = TWO.replace("</i", "<source network='n' portid='7'/><target dev='vnet3'/><alias name='net0'/></i")
PLAIN = TWO.replace("</i", "<source network='n'/></i")
CONSOLE = "<graphics type='vnc' port='5900' passwd='secret'/>"


@pytest.mark.parametrize(
    "edit",
    [
        FILTER,
        ENDS,
        InsertElement("devices/interface", "<link state='down'/>"),
        RemoveElement(f"{NIC}/filterref"),
        SetAttribute(f"{NIC}/filterref", "filter", "clean-traffic"),
        InsertElement(f"{NIC}/filterref", "<parameter name='IP' value='192.0.2.1'/>"),
        RemoveElement(f"{NIC}/filterref/parameter[@name='IP']"),
        SetAttribute(f"{NIC}/link", "state", "down"),
        SetAttribute("devices/interface[@type='direct']", "trustGuestRxFilters", "no"),
        RemoveAttribute(VNC, "passwdValidTo"),
    ],
)
def test_these_can_be_made_in_a_running_guest(edit: Edit) -> None:
    assert live_edits((edit,)) == (edit,)


@pytest.mark.parametrize(
    "edit",
    [
        InsertElement(NIC, "<filterreference/>"),
        InsertElement(NIC, "<bandwidth/>"),
        InsertElement("devices", "<rng model='virtio'/>"),
        InsertElement(VNC, "<listen type='address'/>"),
        RemoveElement(NIC),
        RemoveElement(f"{NIC}/mac"),
        RemoveElement(VNC),
        SetAttribute(NIC, "type", "network"),
        SetAttribute(VNC, "listen", "127.0.0.1"),
        SetAttribute(f"{VNC}/listen", "address", "127.0.0.1"),
        SetAttribute("devices/disk[1]/driver", "cache", "none"),
        SetAttribute("memory", "dumpCore", "off"),
        AddLine("devices/interface"),
    ],
)
def test_these_wait_for_its_next_start(edit: Edit) -> None:
    assert live_edits((edit,)) == ()


@dataclass(frozen=True, slots=True)
class Stub(Programs):
    """A virsh that tells of one running guest, and notes what it is given."""

    live: str = ""
    defined: str = ""
    update: Said = field(default_factory=lambda: Said(0, "", ""))
    taken: list[str] = field(default_factory=list)

    def ask(self, argv: Sequence[str], given: str = "") -> Said:
        if "list" in argv:
            return Said(0, f"{UUID} web\n", "")
        if "update-device" in argv:
            self.taken.append(given)
            return self.update
        return Said(0, self.defined if "--inactive" in argv else self.live, "")


def guest(*devices: str) -> str:
    return f"<domain><devices>{''.join(devices)}</devices></domain>"


def test_a_device_is_known_by_its_mac_and_stripped_of_what_libvirt_numbers() -> None:
    store = LiveDevices(Stub(live=guest(NUMBERED, CONSOLE), defined=guest(ONE, TWO, CONSOLE)))
    image = store.image("web", (FILTER, ENDS))
    assert image == StateImage({f"{NIC} 52:54:00:00:00:02": PLAIN, f"{VNC} vnc": CONSOLE})


def test_a_device_that_does_not_run_or_is_there_twice_is_left_out() -> None:
    assert LiveDevices(Stub(live=guest(ONE), defined=guest(ONE, TWO))).image("web", (FILTER,)) == StateImage({})
    twice = Stub(live=guest(TWO, TWO), defined=guest(ONE, TWO))
    assert LiveDevices(twice).image("web", (FILTER,)) == StateImage({})
    assert LiveDevices(twice).image("db", (FILTER,)) == Nothing()


def test_two_paths_to_one_device_make_one_change_of_it() -> None:
    store = LiveDevices(Stub(live=guest(CONSOLE), defined=guest(CONSOLE)))
    edits = (ENDS, SetAttribute("devices/graphics", "connected", "keep"))
    image = store.edited(Document("domain", "web"), store.image("web", edits), edits)
    wanted = CONSOLE.replace("/>", " passwdValidTo='2030-01-01T00:00:00' connected='keep'/>")
    assert image == StateImage({f"{VNC} devices/graphics vnc": wanted})


def test_an_edit_of_what_the_running_device_lacks_waits() -> None:
    edits = (SetAttribute(f"{NIC}/filterref", "filter", "f"),)
    with pytest.raises(NotLive, match="there is no element at filterref"):
        LiveDevices(Programs()).edited(Document("domain", "web"), StateImage({f"{NIC} x": TWO}), edits)


def test_each_device_is_tried_and_failures_go_before_refusals() -> None:
    image = StateImage({"devices/interface[9] 52:54:00:00:00:09": ONE, f"{NIC} 52:54:00:00:00:02": PLAIN})
    stub = Stub(live=guest(TWO), update=Said(1, "", "error: Failed\nerror: operation failed: no rule\n"))
    with pytest.raises(StoreError, match=r"guest web: .*operation failed: no rule") as failure:
        LiveDevices(stub).put("web", image)
    assert not isinstance(failure.value, NotLive)
    assert stub.taken == [PLAIN]


def test_a_device_that_is_so_already_is_not_touched() -> None:
    stub = Stub(live=guest(NUMBERED))
    image = StateImage({f"{NIC} 52:54:00:00:00:02": PLAIN})
    assert LiveDevices(stub).put("web", image) == image
    assert stub.taken == []


def test_devices_changed_by_us_alone_are_told_from_those_that_others_changed() -> None:
    store = LiveDevices(Programs())
    edits = (FILTER, ENDS)
    before = StateImage({f"{NIC} 52:54:00:00:00:02": PLAIN, f"{VNC} vnc": CONSOLE})
    nic, console = before.words
    filtered = PLAIN.replace("<source", "<filterref filter='no-mac-spoofing'/><source")
    assert store.is_ours(before, before, edits)
    assert store.is_ours(StateImage({nic: filtered, console: CONSOLE}), before, edits)
    assert not store.is_ours(StateImage({nic: filtered, console: CONSOLE.replace("5900", "5901")}), before, edits)
    assert not store.is_ours(StateImage({nic: filtered}), before, edits)
    assert store.is_ours(Nothing(), before, edits), "a guest that was stopped has nothing that could be put back"
    assert store.is_ours(Nothing(), Nothing(), edits)
