"""No two network interfaces have the same MAC address."""

from tests.kit import guest, guests, judge, results
from tests.nethost import IP, LIBVIRT, link, nethost
from virtwarden.controls.network.mac_addresses_unique import CONTROL
from virtwarden.edits import Do, RemoveElement
from virtwarden.facts.domain import Guest
from virtwarden.facts.guests import Guests
from virtwarden.host import Unknown
from virtwarden.model import Finding

NETWORK = "/etc/libvirt/qemu/networks/default.xml"


def nic(mac: str, *, kind: str = "bridge", more: str = "") -> str:
    return f"<interface type='{kind}'><mac address='{mac}'{more}/><source bridge='br0'/></interface>"


ONE, TWO = nic("52:54:00:00:00:01"), nic("52:54:00:00:00:02")


def findings(*members: Guest, links: str = "", network: str = "") -> list[Finding]:
    files = {NETWORK: network} if network else {}
    return judge(CONTROL, nethost(guests(*members), links=links, files=files))


def test_different_addresses_pass() -> None:
    assert [f.result for f in findings(guest(ONE), guest(TWO, name="db", running=True))] == ["pass"] * 3


def test_a_copied_guest_fails_whatever_the_case() -> None:
    first, second = findings(guest(ONE), guest(nic("52:54:00:00:00:01".upper()), name="db"))
    assert first.message == "52:54:00:00:00:01 is also an address of guest db"
    assert second.message == "52:54:00:00:00:01 is also an address of guest web"
    assert first.fix[0].edit == RemoveElement("devices/interface[1]/mac")
    assert [evidence.path for evidence in first.evidence] == [
        "/etc/libvirt/qemu/web.xml",
        "/etc/libvirt/qemu/db.xml",
    ]


def test_two_interfaces_of_one_guest_fail() -> None:
    assert [finding.result for finding in findings(guest(TWO + ONE + ONE))] == ["pass", "fail", "fail"]


def test_an_address_that_a_guest_changed_to_counts() -> None:
    changed = nic("52:54:00:00:00:09", more=" currentAddress='52:54:00:00:00:01'")
    stolen = findings(guest(ONE), guest(changed, name="db", running=True))[0]
    assert stolen.message == "52:54:00:00:00:01 is also an address of guest db"


def test_a_running_guest_without_a_definition_is_changed_by_hand() -> None:
    live = guest(ONE, running=True)
    transient = Guest("web", live.uuid, None, live.in_force, 1)
    finding = findings(transient, guest(ONE, name="db"))[0]
    assert (finding.result, isinstance(finding.fix[0].edit, Do)) == ("fail", True)


def test_the_hosts_own_cards_count_and_taps_do_not() -> None:
    card = link("eth0", mac="52:54:00:00:00:01")
    (finding,) = findings(guest(ONE), links=card)
    assert finding.message == "52:54:00:00:00:01 is also the address of the host's eth0"
    tapped = link("macvtap0@eth0", mac="52:54:00:00:00:01", details="macvtap mode bridge")
    assert [f.result for f in findings(guest(ONE), links=tapped)] == ["pass"]
    assert [f.result for f in findings(guest(nic("52:54:00:00:00:01", kind="direct")), links=card)] == ["pass"]


def test_an_address_reserved_twice_fails() -> None:
    reserved = "<host mac='52:54:00:00:00:01' ip='192.0.2.{}'/>"
    network = (
        f"<network><name>default</name><ip><dhcp>{reserved.format(1)}{reserved.format(2)}</dhcp></ip></network>"
    )
    found = findings(guest(ONE), network=network)
    assert [finding.result for finding in found] == ["pass", "fail"]
    assert str(found[1].subject) == "network default"


def test_what_cannot_be_read_is_unknown() -> None:
    host = nethost(
        LIBVIRT, Guests((guest(ONE),), (), "refused"),
        commands={IP: Unknown("no")}, files={"/etc/libvirt/qemu/networks/*.xml": Unknown("no")},
    )  # fmt: skip
    assert results(CONTROL, host) == ["pass", "unknown", "unknown"]


def test_interfaces_without_an_address_and_hosts_without_guests() -> None:
    assert findings(guest("<interface type='user'/>")) == []
    assert [finding.result for finding in findings()] == ["notapplicable"]
