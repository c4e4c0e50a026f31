"""CPU shares are numbers of the scale that this host's kernel uses."""

from dataclasses import replace

from tests.kit import guest, guests, judge, made, results
from tests.limitshost import RHEL6, V1, V2, host
from virtwarden.controls.limits.cpu_shares_meaningful import CONTROL
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Guest
from virtwarden.facts.mounts import Mounts
from virtwarden.host import Unknown
from virtwarden.model import State


def sharing(number: object, name: str = "web", *, running: bool = False) -> Guest:
    return guest(name=name, extra=f"<cputune><shares>{number}</shares></cputune>", running=running)


def test_the_blueprints_256_passes_on_version_1() -> None:
    for mounts in (V1, RHEL6):
        (finding,) = judge(CONTROL, host(sharing(256), guest(name="db"), mounts=mounts))
        assert (finding.result, finding.message) == ("pass", "its 256 shares are a number of version 1")
        assert finding.evidence[1].path == "/proc/mounts"


def test_the_blueprints_256_outweighs_the_others_on_version_2() -> None:
    (finding,) = judge(CONTROL, host(sharing(256), guest(name="db"), mounts=V2))
    assert finding.result == "fail"
    assert finding.message == "its 256 shares weigh 2.6 times as much as each of 1 guests without shares"
    assert finding.fix[0].edit == RemoveElement("cputune/shares")


def test_shares_for_all_guests_pass_on_version_2() -> None:
    assert results(CONTROL, host(sharing(1024), sharing(256, "db"), mounts=V2)) == ["pass", "pass"]
    assert results(CONTROL, host(sharing(200), guest(name="db"), mounts=V2)) == ["pass"]


def test_numbers_out_of_range_fail() -> None:
    assert results(CONTROL, host(sharing(20000), mounts=V2)) == ["fail"]
    assert results(CONTROL, host(sharing(20000), mounts=V1)) == ["pass"]
    assert results(CONTROL, host(sharing(1), mounts=V1)) == ["fail"]
    (finding,) = judge(CONTROL, host(sharing(300000), mounts=V1))
    assert finding.message == "its 300000 shares are not within 2 and 262144, which version 1 takes"


def test_a_running_guest_is_judged_among_those_that_run() -> None:
    disk, live = judge(CONTROL, host(sharing(1024, running=True), guest(name="db"), mounts=V2))
    assert (disk.result, live.result, live.state) == ("fail", "pass", State.IN_FORCE)


def test_without_the_version_there_is_no_judgement() -> None:
    assert results(CONTROL, host(sharing(256), mounts="proc /proc proc rw 0 0\n")) == ["unknown"]
    refused = Unknown("an image has no /proc")
    assert results(CONTROL, made(guests(sharing(256)), Mounts(refused, refused))) == ["unknown"]


def test_guests_without_shares_are_left_out() -> None:
    assert results(CONTROL, host(guest())) == ["notapplicable"]
    assert results(CONTROL, host(sharing("many"))) == ["notapplicable"]
    assert results(CONTROL, made(replace(guests(guest()), liveness="refused"))) == ["unknown"]
