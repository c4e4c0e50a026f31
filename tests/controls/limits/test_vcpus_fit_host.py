"""No guest has more processors than the host."""

from dataclasses import replace

from tests.kit import guest, guests, judge, made, results
from tests.limitshost import saying
from virtwarden.controls.limits.vcpus_fit_host import CONTROL
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.model import State

ONLINE = "/sys/devices/system/cpu/online"


def host(members: Guests, online: str = "0-3") -> Host:
    return made(members, files={ONLINE: f"{online}\n"})


def test_a_guest_that_fits_passes_in_both_states() -> None:
    disk, live = judge(CONTROL, host(guests(guest(running=True))))
    assert (disk.result, disk.message) == ("pass", "it has 2 virtual processors, the host 4")
    assert live.state is State.IN_FORCE
    assert [evidence.path for evidence in live.evidence] == ["/run/libvirt/qemu/web.xml", ONLINE]


def test_a_guest_with_more_than_the_host_fails() -> None:
    (finding,) = judge(CONTROL, host(guests(guest()), "0"))
    assert (finding.result, finding.message) == ("fail", "it has 2 virtual processors, the host 1")
    assert "setvcpus web 1 --maximum --config" in finding.fix[0].edit.steps  # type: ignore[union-attr]


def test_no_guests_and_unknown_liveness() -> None:
    assert results(CONTROL, host(guests())) == ["notapplicable"]
    assert results(CONTROL, host(replace(guests(guest()), liveness="refused"))) == ["pass", "unknown"]


def test_a_number_that_is_none_is_unknown() -> None:
    for said in ("many", "-1", "²", "9" * 5000):
        assert results(CONTROL, host(guests(saying("vcpu", said)))) == ["unknown"]
