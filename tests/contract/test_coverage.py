"""Looks back on the whole run; runs last."""

from __future__ import annotations


def test_every_control_was_seen_to_pass_and_to_fail(
    tested_controls: set[str], seen_results: dict[str, set[str]]
) -> None:
    lacking = {id_: {"pass", "fail"} - seen_results.get(id_, set()) for id_ in tested_controls}
    assert {id_: sorted(words) for id_, words in lacking.items() if words} == {}
