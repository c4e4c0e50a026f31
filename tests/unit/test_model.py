"""Results, waivers and what outcomes make of them."""

from datetime import UTC, date, datetime

import pytest

from virtwarden.model import HOST, Evidence, Finding, Outcome, Report, Result, Severity, Subject, Waiver, worst

WEB = Subject("guest", "web")


def report(*findings: Finding, waivers: tuple[Waiver, ...] = ()) -> Report:
    outcome = Outcome("vnc-requires-tls", "…", "console", Severity.HIGH, (), findings)
    return Report("kvm7", "this host", datetime(2026, 3, 1, tzinfo=UTC), "0", "baseline", (outcome,), waivers)


def waiver(ends: date, subject: str = "") -> Waiver:
    return Waiver("vnc-requires-tls", "behind a gateway", "anna", ends, subject)


FAILURE = Finding(WEB, Result.FAIL, "VNC is in the clear on 0.0.0.0")


@pytest.mark.parametrize(
    ("results", "wins"),
    [
        ("pass fail error", "fail"),
        ("pass unknown error", "error"),
        ("notapplicable unknown pass", "unknown"),
        ("notapplicable pass", "pass"),
        ("notapplicable", "notapplicable"),
        ("", "notapplicable"),
    ],
)
def test_the_worst_result_decides(results: str, wins: str) -> None:
    assert worst(Result(word) for word in results.split()) == wins


def test_a_waiver_excuses_until_its_day_is_over() -> None:
    held = report(FAILURE, waivers=(waiver(date(2026, 3, 1)),))
    assert held.excused("vnc-requires-tls", FAILURE)
    assert held.result_of(held.outcomes[0]) is Result.PASS
    late = report(FAILURE, waivers=(waiver(date(2026, 2, 28)),))
    waived = late.waived("vnc-requires-tls", FAILURE)
    assert waived is not None
    assert waived.expired
    assert late.result_of(late.outcomes[0]) is Result.FAIL


def test_a_waiver_speaks_of_its_subject_only() -> None:
    other = report(FAILURE, waivers=(waiver(date(2027, 1, 1), "db"),))
    assert other.waived("vnc-requires-tls", FAILURE) is None
    same = report(FAILURE, waivers=(waiver(date(2027, 1, 1), "web"),))
    assert same.excused("vnc-requires-tls", FAILURE)


def test_only_failures_are_waived() -> None:
    unknown = Finding(WEB, Result.UNKNOWN, "?")
    assert report(unknown, waivers=(waiver(date(2027, 1, 1)),)).waived("vnc-requires-tls", unknown) is None


def test_evidence_says_where() -> None:
    assert Evidence("x", path="/etc/a", line=3).where == "/etc/a:3"
    assert Evidence("x", path="/etc/a").where == "/etc/a"
    assert Evidence("x", argv=("ss", "-l"), code=1).where == "ss -l (exit 1)"
    assert Evidence("x", argv=("ss",)).where == "ss"
    assert Evidence("x").where == ""


def test_subjects_and_severities_read_well() -> None:
    assert (str(WEB), str(HOST)) == ("guest web", "host")
    assert sorted(Severity, key=lambda s: s.rank) == [Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH]


def test_counts_are_of_controls() -> None:
    assert report(FAILURE, FAILURE).counts() == {Result.FAIL: 1}
