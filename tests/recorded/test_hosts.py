"""Hosts unlike Debian 12, and the recorded host of the demo, against what was found on them when last looked at.

A missing golden file fails; UPDATE_GOLDEN=1 in the environment writes them anew, to be read before they are kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from tests.recorded.bundle import AsUser, load
from virtwarden.controls import every_control
from virtwarden.host import Host, Source
from virtwarden.model import Report, Result
from virtwarden.scan import scan
from virtwarden.sources.recording import Snapshot
from virtwarden.sources.redact import Redacted

HERE = Path(__file__).parent
BUNDLES = sorted(HERE.glob("*.txt"))


def as_root(path: Path) -> Source:
    return load(path)


def as_user(path: Path) -> Source:
    return load(path, AsUser)


def judged(source: Source) -> Report:
    return scan(Host(Redacted(source)), every_control())


def told(report: Report) -> str:
    """A line a finding: control, subject, state, result and message."""
    return "".join(
        f"{outcome.control} | {finding.subject} | {finding.state or '-'} | {finding.result} | {finding.message}\n"
        for outcome in report.outcomes
        for finding in outcome.findings
    )


def against(golden: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8", "surrogateescape")
    assert golden.exists(), f"{golden.name} is missing: look at what is found, and write it with UPDATE_GOLDEN=1"
    assert text == golden.read_text("utf-8", "surrogateescape")


@pytest.mark.parametrize("view", [as_root, as_user], ids=["root", "user"])
@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_no_control_has_a_defect_and_none_drops_out(path: Path, view: Callable[[Path], Source]) -> None:
    report = judged(view(path))
    assert len(report.outcomes) == len(every_control())
    assert [outcome.control for outcome in report.outcomes if outcome.result is Result.ERROR] == []


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_a_user_is_never_told_that_all_is_well_where_root_is_told_that_it_is_not(path: Path) -> None:
    root, user = judged(as_root(path)), judged(as_user(path))
    pairs = zip(root.outcomes, user.outcomes, strict=True)
    better = [r.control for r, u in pairs if r.result is Result.FAIL and u.result is Result.PASS]
    assert better == []


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_a_host_is_judged_as_when_it_was_last_looked_at(path: Path) -> None:
    against(HERE / "golden" / f"{path.stem}.findings", told(judged(as_root(path))))


def test_the_demos_host_is_judged_as_when_it_was_last_looked_at() -> None:
    recording = str(files("virtwarden.demo") / "host.jsonl.gz")
    against(HERE / "golden" / "demo.findings", told(judged(Snapshot(recording))))
