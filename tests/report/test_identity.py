"""A finding is known again in a later report."""

from __future__ import annotations

import pytest

from virtwarden.model import Finding, Result, State, Subject
from virtwarden.report.identity import fingerprint, key, shape


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("VNC is in the clear on 0.0.0.0:5900", "VNC is in the clear on 0.0.0.0:5917"),
        ("the certificate ends in 12 days", "the certificate ends in 1 days"),
        ("1,997 packages wait", "3 packages wait"),
        ("process 4321 runs unconfined", "process 99 runs unconfined"),
        ("/proc/4321/attr/current", "/proc/5/attr/current"),
        ("vnet3 forwards anything", "vnet12 forwards anything"),
        ("12.5 GiB are free", "3 GiB are free"),
    ],
)
def test_numbers_that_change_from_scan_to_scan_make_no_difference(before: str, after: str) -> None:
    assert shape(before) == shape(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mode 0640", "mode 0666"),
        ("listens on 10.0.0.1", "listens on 0.0.0.0"),
        ("eth0 has no filter", "eth1 has no filter"),
        ("it ended on 2026-01-31", "it ended on 2026-02-28"),
        ("TLSv1.2 is on", "TLSv1.0 is on"),
        ("sda is not encrypted", "sdb is not encrypted"),
        ("50-local.conf", "60-local.conf"),
    ],
)
def test_what_is_part_of_a_word_makes_a_difference(before: str, after: str) -> None:
    assert shape(before) != shape(after)


def test_control_subject_and_state_make_a_difference() -> None:
    plain = Finding(Subject("guest", "web"), Result.FAIL, "m")
    keys = {
        key("a", plain),
        key("b", plain),
        key("a", Finding(Subject("guest", "db"), Result.FAIL, "m")),
        key("a", Finding(Subject("file", "web"), Result.FAIL, "m")),
        key("a", Finding(Subject("guest", "web"), Result.FAIL, "m", state=State.IN_FORCE)),
        key("a", Finding(Subject("guest", "web"), Result.FAIL, "n")),
    }
    assert len(keys) == 6
    assert len({fingerprint(each) for each in keys}) == 6


def test_a_fingerprint_is_the_same_in_every_version() -> None:
    finding = Finding(Subject("guest", "web"), Result.FAIL, "VNC is in the clear on 0.0.0.0:5900")
    assert fingerprint(key("vnc-requires-tls", finding)) == "d2b4b2b4edce6c132bd9371fc8c82a0c"
