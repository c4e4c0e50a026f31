"""The rule that a control counts as tested only when its tests have seen it pass and seen it fail."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests import kit

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # machines that test are busy: how long an example takes says nothing

_LAST = "test_every_control_was_seen_to_pass_and_to_fail"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the test that looks back on all others at the end."""
    items.sort(key=lambda item: item.name == _LAST)


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
