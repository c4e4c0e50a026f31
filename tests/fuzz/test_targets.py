"""Every parser takes nonsense with a refusal at worst."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.engine import LONGEST, SLOW, campaign, failure_of
from tests.fuzz.targets import TARGETS, Target

EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@EACH
def test_a_seed_is_read_without_complaint(target: Target) -> None:
    for seed in target.seeds:
        target.run(seed)


@EACH
def test_a_spoiled_seed_breaks_nothing(target: Target) -> None:
    assert list(campaign(target, 7, lambda count: count < 150)) == []


@EACH
@given(
    data=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    )
)
def test_noise_breaks_nothing(target: Target, data: bytes) -> None:
    assert failure_of(target, data) is None


def _careless(data: bytes) -> object:
    return data.index(b"!")


def _slow_with_much(data: bytes) -> object:
    ends = time.process_time() + (SLOW + 0.1 if len(data) > LONGEST // 2 else 0)
    while time.process_time() < ends:
        pass
    return data


def test_the_engine_finds_and_shrinks_a_stray_exception() -> None:
    target = Target("careless", _careless, (b"some text!",))
    found = list(campaign(target, 1, lambda count: count < 100))
    assert [failure.data for failure in found] == [b""]
    assert found[0].reason.startswith("ValueError in ")


def test_the_engine_finds_what_takes_long() -> None:
    target = Target("slow", _slow_with_much, (b"some text",))
    assert next(campaign(target, 1, lambda count: count < 300)).reason == "more than 2 s"


def test_equal_seeds_of_chance_give_equal_inputs() -> None:
    inputs: list[list[bytes]] = []
    for _ in range(2):
        given_to: list[bytes] = []
        target = Target("listening", given_to.append, (b"one two", b"three"))
        list(campaign(target, 5, lambda count: count < 50))
        inputs.append(given_to)
    assert inputs[0] == inputs[1]
