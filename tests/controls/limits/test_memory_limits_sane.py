"""Memory limits of guests leave room for the guest and for QEMU."""

from dataclasses import replace

from tests.kit import guest, guests, judge, made, results
from tests.limitshost import host, memtune, saying
from virtwarden.controls.limits.memory_limits_sane import CONTROL
from virtwarden.edits import InsertElement, RemoveElement
from virtwarden.model import State

LOCKED = "<memoryBacking><locked/></memoryBacking>"
ROOMY = "<hard_limit unit='GiB'>2</hard_limit>"


def test_the_blueprints_limit_of_one_mebibyte_fails() -> None:
    (finding,) = judge(CONTROL, host(guest(extra=memtune("<hard_limit unit='KiB'>1024</hard_limit>"))))
    assert finding.result == "fail"
    assert finding.message == "its hard_limit of 1 MiB does not hold its memory of 1 GiB and QEMU"
    assert finding.fix[0].edit == RemoveElement("memtune/hard_limit")
    assert finding.evidence[0].line == 7


def test_a_limit_that_is_just_the_guests_memory_leaves_none_for_qemu() -> None:
    assert results(CONTROL, host(guest(extra=memtune("<hard_limit>1048576</hard_limit>")))) == ["fail"]


def test_a_limit_with_room_passes_in_both_states() -> None:
    found = judge(CONTROL, host(guest(extra=memtune(ROOMY), running=True)))
    assert [(f.result, f.state) for f in found] == [("pass", State.ON_DISK), ("pass", State.IN_FORCE)]
    assert found[0].message == "its hard_limit is 2 GiB, its memory 1 GiB"


def test_hugepages_do_not_count() -> None:
    extra = "<memoryBacking><hugepages/></memoryBacking>" + memtune("<hard_limit unit='M'>600</hard_limit>")
    assert results(CONTROL, host(guest(extra=extra))) == ["pass"]


def test_libvirts_number_for_no_limit_is_none() -> None:
    (finding,) = judge(CONTROL, host(guest(extra=memtune("<hard_limit>9007199254740988</hard_limit>"))))
    assert (finding.result, finding.message) == ("pass", "it has no hard_limit, its memory 1 GiB")


def test_swap_and_memory_together_cannot_be_less_than_memory() -> None:
    extra = memtune(ROOMY + "<swap_hard_limit unit='GiB'>1</swap_hard_limit>")
    (finding,) = judge(CONTROL, host(guest(extra=extra)))
    assert finding.message == "its swap_hard_limit of 1 GiB is less than its hard_limit of 2 GiB"
    assert results(
        CONTROL, host(guest(extra=memtune(ROOMY + "<swap_hard_limit unit='G'>2</swap_hard_limit>")))
    ) == ["pass"]


def test_locked_memory_needs_a_limit() -> None:
    (finding,) = judge(CONTROL, host(guest(extra=LOCKED)))
    assert (finding.result, finding.message) == (
        "fail",
        "it locks its memory and may lock any amount, without a hard_limit",
    )
    wanted = "<hard_limit unit='KiB'>1593835</hard_limit>"
    assert finding.fix[0].edit == InsertElement(".", f"<memtune>{wanted}</memtune>")
    assert results(CONTROL, host(guest(extra=LOCKED + memtune(ROOMY)))) == ["pass"]


def test_the_limit_of_locked_memory_takes_the_place_of_one_that_is_none() -> None:
    soft = judge(CONTROL, host(guest(extra=LOCKED + memtune("<soft_limit>1</soft_limit>"))))[0]
    assert [type(change.edit) for change in soft.fix] == [InsertElement]
    none = judge(CONTROL, host(guest(extra=LOCKED + memtune("<hard_limit>9007199254740988</hard_limit>"))))[0]
    assert [type(change.edit) for change in none.fix] == [RemoveElement, InsertElement]
    assert none.fix[1].edit.path == "memtune"  # type: ignore[union-attr]


def test_guests_without_limits_need_none() -> None:
    assert results(CONTROL, host(guest(running=True))) == ["notapplicable"]
    assert results(CONTROL, made(replace(guests(guest()), liveness="refused"))) == ["unknown"]


def test_memory_that_is_no_number_is_unknown() -> None:
    for said in ("lots", "-1", "9" * 5000):
        assert results(CONTROL, host(saying("memory", said))) == ["unknown"]
