"""Every parser takes nonsense with a refusal at worst."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.__main__ import run_target
from tests.fuzz.engine import LONGEST, SLOW, campaign, failure_of
from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
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


def test_the_command_says_how_many_inputs_it_tried() -> None:
    argv = [sys.executable, "-m", "tests.fuzz", "--seconds", "0.2", "--target", "sysctl_key", "--seed", "3"]
    run = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(r"sysctl_key: \d+ inputs, 0 failures \(--seed 3\)\n", run.stdout)


def test_what_broke_is_shown_counted_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_target(Target("careless", _careless, (b"some text!",)), 1, 0.2, tmp_path) == 1
    shown = capsys.readouterr()
    assert "1 failures" in shown.out
    assert "careless: ValueError in " in shown.err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b""]
