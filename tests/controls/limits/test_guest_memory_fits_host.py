"""The memory of all guests together fits the host, with some left for the host itself."""

from dataclasses import replace

from tests.kit import guest, guests, judge, made, results
from virtwarden.controls.limits.guest_memory_fits_host import CONTROL
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Limits, Policy
from virtwarden.host import Host, Unknown
from virtwarden.model import Evidence, State

GIB = 1 << 20
UNREAD = Evidence("permission denied", path="/etc/libvirt/qemu/db.xml")


def host(members: Guests, total: int = 4 * GIB, policy: Policy | None = None) -> Host:
    return made(
        members, policy or Policy(), files={"/proc/meminfo": f"MemTotal:       {total} kB\nMemFree: 1 kB\n"}
    )


def test_guests_that_fit_pass_in_both_states() -> None:
    disk, live = judge(CONTROL, host(guests(guest(running=True), guest(name="db"))))
    assert (disk.result, disk.state) == ("pass", State.ON_DISK)
    assert disk.message == "the 2 guests that are defined may take 2 GiB and the host keeps 1 GiB; it has 4 GiB"
    assert (live.result, live.state) == ("pass", State.IN_FORCE)
    assert "1 guests that run may take 1 GiB" in live.message


def test_what_is_promised_twice_fails_where_it_is() -> None:
    members = guests(guest(running=True), guest(name="db"), guest(name="mail"), guest(name="old"))
    disk, live = judge(CONTROL, host(members))
    assert (disk.result, live.result) == ("fail", "pass")
    assert disk.fix
    assert [(e.path, e.line) for e in disk.evidence][:2] == [
        ("/proc/meminfo", 1),
        ("/etc/libvirt/qemu/web.xml", 4),
    ]
    assert len(disk.evidence) == 4


def test_running_guests_alone_can_be_too_many() -> None:
    large = guest(extra="<memory unit='GiB'>1</memory>", running=True)
    gone = replace(large, on_disk=None, name="gone")
    assert results(CONTROL, host(guests(large, gone), 2 * GIB + 1)) == ["pass", "fail"]


def test_the_host_keeps_what_the_policy_says() -> None:
    members = guests(guest(), guest(name="db"))
    assert results(CONTROL, host(members, 3 * GIB))[0] == "pass"
    more = replace(Policy(), limits=Limits(host_reserve_mib=1025))
    assert results(CONTROL, host(members, 3 * GIB, more))[0] == "fail"


def test_those_that_start_at_boot_are_told() -> None:
    disk, _ = judge(CONTROL, host(guests(replace(guest(), autostart=True), guest(name="db"))))
    assert "may take 2 GiB, 1 GiB of it at boot, and" in disk.message


def test_a_guest_that_could_not_be_read_leaves_it_open_unless_the_rest_is_too_much() -> None:
    members = replace(guests(guest()), unread=(UNREAD,))
    assert results(CONTROL, host(members)) == ["unknown", "unknown"]
    assert results(CONTROL, host(members, GIB)) == ["fail", "unknown"]
    assert results(CONTROL, host(Guests(unread=(UNREAD,)))) == ["unknown"]


def test_a_guest_without_memory_leaves_it_open() -> None:
    odd = guest()
    assert odd.on_disk is not None
    element = odd.on_disk.xml.find("memory")
    assert element is not None
    odd.on_disk.xml.remove(element)
    disk, live = judge(CONTROL, host(guests(odd)))
    assert (disk.result, live.result) == ("unknown", "pass")
    assert "guest web" in disk.message


def test_what_runs_may_be_unknown() -> None:
    members = replace(guests(guest()), liveness="an image does not tell what runs")
    assert results(CONTROL, host(members)) == ["pass", "unknown"]


def test_without_guests_or_without_the_hosts_memory_there_is_no_judgement() -> None:
    assert results(CONTROL, host(guests())) == ["notapplicable"]
    refused = made(guests(guest()), files={"/proc/meminfo": Unknown("an image has no /proc")})
    assert results(CONTROL, refused) == ["unknown"]
