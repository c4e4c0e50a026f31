"""The network interfaces of all guests, each with the bridge or device it ends at."""

import pytest

from tests.kit import guest, guests, made
from tests.nethost import LIBVIRT
from virtwarden.facts.domain import Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.nics import Nic, Nics
from virtwarden.host import Unknown
from virtwarden.model import Evidence, State

MAC = "<mac address='52:54:00:12:34:01'/>"
NAT = "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/></network>"
CARDS = "<network><name>cards</name><forward mode='private'><interface dev='eth1'/></forward></network>"
FILES = {f"/etc/libvirt/qemu/networks/{name}.xml": text for name, text in (("default", NAT), ("cards", CARDS))}


def nics(devices: str, *, running: bool = False) -> tuple[Nic, ...]:
    return made(LIBVIRT, guests(guest(devices, running=running)), files=FILES).get(Nics).nics


def test_a_bridged_interface() -> None:
    (nic,) = nics(f"<interface type='bridge'>{MAC}<source bridge='br0'/><target dev='web0'/></interface>")
    assert (nic.kind, nic.bridge, nic.mac, nic.tap) == ("bridge", "br0", "52:54:00:12:34:01", "web0")
    assert str(nic.subject) == "interface web 52:54:00:12:34:01"
    assert nic.defined_at == nic.path == "devices/interface[1]"
    assert nic.cite().where == "/etc/libvirt/qemu/web.xml:9"


def test_networks_are_followed_to_their_bridge_or_card() -> None:
    named = "<interface type='network'><source network='{}'/></interface>"
    found = nics(named.format("default") + named.format("cards") + named.format("unheard-of"))
    assert [(nic.kind, nic.bridge, nic.parent) for nic in found] == [
        ("bridge", "virbr0", None),
        ("direct", None, "eth1"),
        ("network", None, None),
    ]
    assert str(found[0].subject) == "interface web 1"


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (
            "<source network='default'/><actual type='network'><source bridge='virbr0'/></actual>",
            ("bridge", "virbr0", None),
        ),
        (
            "<source network='gone'/><actual type='network'><source bridge='virbr9'/></actual>",
            ("bridge", "virbr9", None),
        ),
        ("<source network='gone'/><actual type='bridge'><source bridge='br7'/></actual>", ("bridge", "br7", None)),
        (
            "<source network='cards'/><actual type='direct'><source dev='eth2' mode='vepa'/></actual>",
            ("direct", None, "eth2"),
        ),
        ("<actual type='hostdev'/>", ("hostdev", None, None)),
        ("", ("network", None, None)),
    ],
)
def test_what_libvirt_notes_of_a_running_interface_counts(
    xml: str, expected: tuple[str, str | None, str | None]
) -> None:
    nic = nics(f"<interface type='network'>{xml}</interface>", running=True)[1]
    assert (nic.kind, nic.bridge, nic.parent) == expected


def test_a_running_interface_is_found_in_the_definition_by_its_address() -> None:
    other = "<interface type='user'><mac address='52:54:00:00:00:09'/></interface>"
    own = f"<interface type='bridge'>{MAC}<source bridge='br0'/></interface>"
    stored, live = guest(other + own), guest(own, running=True)
    merged = Guest("web", stored.uuid, stored.on_disk, live.in_force, 1)
    found = made(LIBVIRT, guests(merged)).get(Nics).of(State.IN_FORCE)
    assert [nic.defined_at for nic in found] == ["devices/interface[2]"]
    transient = Guest("web", stored.uuid, None, live.in_force, 1)
    assert made(LIBVIRT, guests(transient)).get(Nics).nics[0].defined_at is None


def test_bridges_of_each_state() -> None:
    found = Nics(nics("<interface type='bridge'><source bridge='br0'/></interface>"))
    assert list(found.bridges()) == list(found.bridges(State.ON_DISK)) == ["br0"]
    assert found.bridges(State.IN_FORCE) == {}


def test_guests_that_could_not_be_read_are_not_left_out_unnoticed() -> None:
    found = made(LIBVIRT, Guests((guest(),), (Evidence("refused", path="/etc/libvirt/qemu/db.xml"),))).get(Nics)
    with pytest.raises(Unknown, match=r"db\.xml"):
        found.complete()
    Nics().complete()


def test_refused_networks_leave_the_interface_at_its_network() -> None:
    host = made(
        LIBVIRT,
        guests(guest("<interface type='network'><source network='default'/></interface>")),
        files={"/etc/libvirt/qemu/networks/*.xml": Unknown("refused")},
    )
    assert host.get(Nics).nics[0].kind == "network"
