"""What was skipped is told by tier and reason, not test by test."""

from __future__ import annotations

import pytest

from tests.conftest import told_by_tier


def _skipped(node: str, reason: str) -> pytest.TestReport:
    return pytest.TestReport(node, ("t.py", 1, "t"), {}, "skipped", ("t.py", 1, f"Skipped: {reason}"), "setup")


def test_tests_of_one_tier_and_reason_are_one_line() -> None:
    told = told_by_tier(
        [
            _skipped("tests/stores/test_files.py::test_a", "only root may give files away"),
            *[_skipped(f"tests/real/test_scan.py::test_{n}", "a real KVM host needs root") for n in range(12)],
        ]
    )
    assert told == [
        "   12 of tests/real      a real KVM host needs root",
        "    1 of tests/stores    only root may give files away",
    ]
