"""The recorded logs of a real host come out as what was done on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.real import audit_kit
from virtwarden.events import Skipped, events, sessions
from virtwarden.events.model import Resource

_RECORDED = Path(__file__).parent / "recorded"


@pytest.mark.parametrize("form", ["raw", "enriched", "devices"])
def test_every_recorded_session_is_what_was_done(form: str) -> None:
    skipped = Skipped()
    found = sorted(sessions([str(_RECORDED / form)], skipped), key=lambda each: each.started or 0)
    runs = json.loads((_RECORDED / form / "runs.json").read_text())
    assert skipped == Skipped()
    assert [(each.guest, each.start_reason, str(each.ending)) for each in found] == [
        (run["guest"], run["start"], run["ending"]) for run in runs
    ]


@pytest.mark.parametrize("form", ["raw", "enriched"])
def test_only_the_enriched_log_tells_names_of_users(form: str) -> None:
    names = {each.user_name for each in sessions([str(_RECORDED / form)], Skipped())}
    assert names == ({"root"} if form == "enriched" else {None})


def test_every_recorded_device_is_told_whatever_the_guest_s_name() -> None:
    told = [
        (each.detail.type, each.detail.reason, each.detail.old, each.detail.new)
        for each in events([str(_RECORDED / "devices")], Skipped())
        if isinstance(each.detail, Resource) and each.detail.type != "cgroup"
    ]
    assert told == list(audit_kit.TOLD)
