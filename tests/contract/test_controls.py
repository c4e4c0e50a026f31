"""What holds for every control, whoever wrote it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.kit import refusing
from virtwarden.control import CHAPTERS, Control
from virtwarden.controls import every_control, explanations
from virtwarden.model import Result
from virtwarden.scan import judge
from virtwarden.standards import standards

TESTS = Path(__file__).parents[1] / "controls"
BLUEPRINT = Path(__file__).parents[2] / "src/virtwarden/standards/blueprint.toml"
CONTROLS = pytest.mark.parametrize("control", every_control(), ids=lambda control: control.id)


def test_there_are_at_least_sixty_and_four_in_every_chapter() -> None:
    chapters = Counter(control.chapter for control in every_control())
    assert chapters.total() >= 60
    assert {chapter: count for chapter, count in chapters.items() if count < 4} == {}
    assert set(chapters) == set(CHAPTERS)


def test_ids_are_unique() -> None:
    assert [id_ for id_, count in Counter(c.id for c in every_control()).items() if count > 1] == []


@CONTROLS
def test_its_prose_is_complete(control: Control) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", control.id)
    assert control.title
    assert len(control.title) <= 120
    assert control.why
    assert control.judged
    assert control.fix
    assert control.proof


def test_reports_explain_as_much_as_the_command_does() -> None:
    told = explanations()
    for control in every_control():
        for part in (control.why, control.judged, control.fix, control.proof):
            assert part in told[control.id]


@CONTROLS
def test_it_names_procedures_of_the_blueprint_that_exist(control: Control) -> None:
    procedures = {p["id"] for p in tomllib.loads(BLUEPRINT.read_text("utf-8"))["procedure"]}
    assert set(control.sections) <= procedures


@CONTROLS
def test_a_host_that_answers_nothing_is_unknown(control: Control) -> None:
    outcome = judge(control, refusing())
    assert {finding.result for finding in outcome.findings} == {Result.UNKNOWN}


@CONTROLS
def test_it_has_tests_of_its_own(control: Control) -> None:
    assert (TESTS / control.chapter / f"test_{control.id.replace('-', '_')}.py").is_file()


def test_every_control_that_a_standard_names_exists() -> None:
    known = {control.id for control in every_control()}
    requirements = [requirement for standard in standards() for requirement in standard.requirements]
    assert {id_ for requirement in requirements for id_ in requirement.controls} - known == set()
