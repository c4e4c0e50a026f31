"""Observations as a person and as a program reads them."""

from __future__ import annotations

import json

from tests.kit import NOW
from virtwarden.model import Observation
from virtwarden.report.layout import Charset, Style
from virtwarden.report.observations import as_json, render

SEEN = (
    Observation("reading /k is recorded as virt_k", True, "record 1.5:7"),
    Observation("making a file in /d is recorded as virt_d", False, "it was done, and no record came"),
    Observation("starting /q is recorded as virt_q", None, "no audit daemon"),
)


def test_text_tells_of_each_claim_how_it_came_out_and_what_was_seen() -> None:
    assert render(SEEN) == (
        "✓ holds: reading /k is recorded as virt_k\n  record 1.5:7\n"
        "✗ does not hold: making a file in /d is recorded as virt_d\n  it was done, and no record came\n"
        "? unknown: starting /q is recorded as virt_q\n  no audit daemon\n"
        "\n1 holds, 1 does not hold and 1 is unknown\n"
    )


def test_text_can_do_without_signs() -> None:
    assert render(SEEN[:1], Style(charset=Charset.ASCII)).startswith("+ holds: ")


def test_nothing_that_was_seen_can_act_on_a_terminal() -> None:
    assert "\x1b" not in render((Observation("\x1b[2J", False, "\x1b]0;x\x07"),))


def test_json_has_true_false_and_null() -> None:
    told = json.loads(as_json("audit", "kvm1", NOW, SEEN))
    assert [each["holds"] for each in told["observations"]] == [True, False, None]
    assert (told["format"], told["proof"], told["host"], told["taken_at"]) == (
        1,
        "audit",
        "kvm1",
        "2026-03-01T12:00:00Z",
    )


def test_json_holds_bytes_that_are_no_text() -> None:
    told = json.loads(as_json("audit", "kvm\udcff", NOW, (Observation("a\udc80", True, "b"),)))
    assert (told["host"], told["observations"][0]["claim"]) == ("kvm\\xff", "a\\x80")
