"""A report by the requirements of a standard."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.report.conftest import Compare
from tests.report.made import hostile, report
from virtwarden.model import Report, Result
from virtwarden.report.groups import as_json, by_standard, render
from virtwarden.report.layout import Style
from virtwarden.standards import Requirement, Standard, standards

EMPTY = replace(report(), outcomes=())
STANDARD = Standard(
    "made-1",
    "A made standard",
    "edition of a test",
    (
        Requirement("M1", "Consoles are protected", ("vnc-requires-tls", "qemu-seccomp-on")),
        Requirement("M2", "QEMU is confined", ("qemu-seccomp-on",), "as far as system calls go"),
        Requirement("M3", "The kernel is locked", ("kernel-lockdown", "tls-keys-private")),
        Requirement("M4", "TLS", ("tls-keys-private", "tls-names-listed")),
        Requirement("M5", "Visitors are announced", ("no-such-control",)),
        Requirement("M6", "Fire drills", ()),
    ),
)


def test_a_requirement_is_as_good_as_the_worst_of_its_controls() -> None:
    found = {met.requirement.id: met.result for met in by_standard(report(), STANDARD)}
    assert found == {
        "M1": Result.FAIL,
        "M2": Result.PASS,
        "M3": Result.UNKNOWN,
        "M4": Result.NOTAPPLICABLE,
        "M5": None,
        "M6": None,
    }


def test_its_controls_stand_worst_first() -> None:
    first = by_standard(report(), STANDARD)[0]
    assert [outcome.control for outcome, _ in first.outcomes] == ["vnc-requires-tls", "qemu-seccomp-on"]


@pytest.mark.parametrize("width", [60, 100])
def test_it_reads_as_it_did_when_it_was_last_looked_at(width: int, golden: Compare) -> None:
    golden(f"standard-{width}.txt", render(report(), STANDARD, Style(width)))


def test_the_json_is_as_it_was(golden: Compare) -> None:
    golden("standard.json", as_json(report(), STANDARD))


def test_the_json_says_what_was_not_judged() -> None:
    document = json.loads(as_json(report(), STANDARD))
    results = {each["id"]: each["result"] for each in document["requirements"]}
    assert (results["M1"], results["M5"]) == ("fail", None)


@pytest.mark.parametrize("made", [report(), hostile(), EMPTY], ids=["small", "hostile", "empty"])
def test_every_standard_of_the_product_can_be_shown(made: Report) -> None:
    for standard in standards():
        text = render(made, standard)
        assert text.replace("\n", "").isprintable()
        assert all(requirement.id in text for requirement in standard.requirements)
        json.loads(as_json(made, standard))
