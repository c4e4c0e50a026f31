"""Every guest has a source of random numbers from the host."""

from tests.kit import guest, guests, judge, made, refusing, results
from virtwarden.controls.upkeep.guest_random_source import CONTROL, RNG
from virtwarden.edits import InsertElement
from virtwarden.facts.guests import Guests
from virtwarden.model import Evidence


def test_a_guest_without_one_fails_with_the_fix_in_both_states() -> None:
    disk, now = judge(CONTROL, made(guests(guest(running=True))))
    assert (disk.result, now.result) == ("fail", "fail")
    assert disk.fix[0].edit == InsertElement("devices", RNG)


def test_a_guest_with_one_passes() -> None:
    assert results(CONTROL, made(guests(guest(RNG)))) == ["pass"]


def test_no_guests_are_not_judged_and_an_unread_one_is_unknown() -> None:
    assert results(CONTROL, made(guests())) == ["notapplicable"]
    assert results(CONTROL, made(Guests((), (Evidence("denied", path="/x.xml"),)))) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
