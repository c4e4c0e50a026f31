"""What concerns all tests: a control counts as tested only when its tests have seen it pass and seen it fail.

And what was skipped is told by tier and reason at the end, for a newcomer to see what his machine could not run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, settings

from tests import kit

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # machines that test are busy: how long an example takes says nothing

_LAST = "test_every_control_was_seen_to_pass_and_to_fail"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the test that looks back on all others at the end."""
    items.sort(key=lambda item: item.name == _LAST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tiers were skipped, and why."""
    if skipped := terminalreporter.getreports("skipped"):
        terminalreporter.section("not run here")
        for said in told_by_tier(skipped):
            terminalreporter.line(said)


def told_by_tier(skipped: Iterable[pytest.TestReport]) -> list[str]:
    """A line for each tier and reason, with how many tests it concerns, the largest first."""
    counted = Counter[tuple[str, str]]()
    for each in skipped:
        tier = "/".join(each.nodeid.split("/")[:2])
        reason = each.longrepr[2] if isinstance(each.longrepr, tuple) else str(each.longrepr)
        counted[tier, reason.removeprefix("Skipped: ")] += 1
    return [f"{number:5} of {tier:<15} {reason}" for (tier, reason), number in counted.most_common()]


@pytest.fixture
def tested_controls(request: pytest.FixtureRequest) -> set[str]:
    """Ids of the controls whose own tests are part of this run."""
    paths = {item.path for item in request.session.items}
    return {
        path.stem.removeprefix("test_").replace("_", "-")
        for path in paths
        if path.parent.parent.name == "controls"
    }


@pytest.fixture
def seen_results() -> dict[str, set[str]]:
    """What each control was seen to answer so far in this run."""
    return kit.SEEN
