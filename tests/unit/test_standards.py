"""Mapping files are read strictly, and the blueprint has its procedures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reference import parsers
from virtwarden.control import CHAPTERS
from virtwarden.controls import every_control
from virtwarden.standards import StandardError, blueprint, load, requirements_met_by, standards

GOOD = """\
id = "made"
title = "A made standard"
source = "edition 1"

[[requirement]]
id = "M1"
title = "Consoles are protected"
controls = ["vnc-requires-tls"]
why = "because"
"""


def _folder(path: Path, **files: str) -> Path:
    for name, text in files.items():
        (path / f"{name}.toml").write_text(text)
    return path


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (standard,) = load(_folder(tmp_path, made=GOOD))
    (requirement,) = standard.requirements
    assert (standard.id, standard.title, standard.source) == ("made", "A made standard", "edition 1")
    assert (requirement.id, requirement.controls, requirement.why) == ("M1", ("vnc-requires-tls",), "because")


def test_standards_stand_by_id_and_the_blueprint_is_none_of_them(tmp_path: Path) -> None:
    other = GOOD.replace('"made"', '"a-first"')
    found = load(_folder(tmp_path, made=GOOD, other=other, blueprint="title = 'x'"))
    assert [standard.id for standard in found] == ["a-first", "made"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("title", "tittle", 1), "tittle"),
        (GOOD.replace('controls = ["vnc-requires-tls"]\n', ""), "controls"),
        (GOOD.replace('["vnc-requires-tls"]', '"vnc-requires-tls"'), "Expected `array`"),
        (GOOD + "[[", "made.toml"),
        (GOOD + GOOD.partition("\n\n")[2], "M1 stands there twice"),
    ],
)
def test_a_wrong_file_is_named_in_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(StandardError, match=said):
        load(_folder(tmp_path, made=text))


def test_two_files_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StandardError, match="made stands there twice"):
        load(_folder(tmp_path, made=GOOD, again=GOOD))


def test_the_commands_of_procedures_are_there() -> None:
    named = {command for procedure in blueprint().procedures for command in procedure.commands}
    assert named - {name for name, _ in parsers()} == set()
    steps = [each for each in blueprint().procedures if each.id.startswith(("tls-step", "vnc-step", "spice-step"))]
    covered = {section for control in every_control() for section in control.sections}
    assert [each.id for each in steps if not each.commands and each.id not in covered] == []


def test_the_blueprint_has_its_procedures() -> None:
    procedures = blueprint().procedures
    assert len(procedures) == 86
    assert {procedure.chapter for procedure in procedures} <= set(CHAPTERS)
    assert len({procedure.id for procedure in procedures}) == len(procedures)


def test_a_control_knows_the_requirements_that_it_meets() -> None:
    for standard in standards():
        for requirement in standard.requirements:
            for control in requirement.controls:
                assert (standard, requirement) in requirements_met_by(control)
    assert requirements_met_by("no-such-control") == ()
