"""A plan on the terminal: as it was looked at and found good, harmless, and short for hosts of any size."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.report.conftest import Compare
from tests.report.madeplan import big, hostile, plan
from virtwarden.model import Plan, Safety
from virtwarden.report.layout import Charset, Detail, Palette, Style
from virtwarden.report.plantext import how_to_apply, render

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("plan-80.txt", Style(width=80)),
        ("plan-120.txt", Style(width=120)),
        ("plan-colour.txt", Style(width=80, palette=Palette.COLOUR)),
        ("plan-60-ascii.txt", Style(width=60, charset=Charset.ASCII)),
    ],
)
def test_it_looks_as_it_did(name: str, style: Style, golden: Compare) -> None:
    golden(name, render(plan(), style) + how_to_apply(plan(), style, saved="plan.json"))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("made", [plan(), hostile(), big(20)], ids=["plan", "hostile", "big"])
def test_no_line_is_wider_than_the_terminal(made: Plan, width: int) -> None:
    said = [line for line in render(made, Style(width=width)).splitlines() if " " in line.strip()]
    assert max(map(len, said)) <= width


def test_colour_changes_no_word() -> None:
    coloured = render(plan(), Style(palette=Palette.COLOUR))
    assert COLOUR.search(coloured)
    assert COLOUR.sub("", coloured) == render(plan(), Style())


@pytest.mark.parametrize("style", [Style(), Style(detail=Detail.FULL)])
def test_nothing_of_a_host_reaches_the_terminal_as_it_is(style: Style) -> None:
    said = render(hostile(), style)
    assert all(char.isprintable() or char == "\n" for char in said)
    assert "\\x1b[2J" in said


def test_a_plan_for_2000_guests_is_told_on_one_screen() -> None:
    said = render(big(2000), Style(width=80))
    assert said.count("\n") < 40
    assert "likewise  guest0001, guest0002" in said
    assert "and 1,993 more" in said
    assert render(big(20), Style(detail=Detail.FULL)).count("<filterref") == 20


def test_what_differs_is_not_told_as_alike() -> None:
    made = big(3)
    first, second, third = made.rewrites
    odd = replace(second, diff=second.diff.replace("clean-traffic", "other"))
    disruptive = replace(third, safety=Safety.SAFE)
    assert "likewise  " not in render(replace(made, rewrites=(first, odd, disruptive), unfixed=()))


def test_how_to_go_on_is_said_as_the_plan_wants_it() -> None:
    asked = how_to_apply(plan(), Style(), saved="p.json")
    assert "virt-warden apply p.json --allow-disruptive --confirm 120\n" in asked
    assert "virt-warden confirm" in asked
    below = how_to_apply(replace(plan(), root="/mnt"), Style())
    assert below.endswith("--root /mnt --allow-disruptive\n")
    assert how_to_apply(replace(plan(), rewrites=()), Style()) == ""
    assert "Nothing is left to do." in render(replace(plan(), rewrites=(), unfixed=()))


def test_steps_of_several_lines_keep_them() -> None:
    made = plan()
    longer = replace(made.unfixed[0], steps=("write:\ntable inet x {\n}",))
    assert "→ write:\n        table inet x {\n        }\n" in render(replace(made, unfixed=(longer,)))
