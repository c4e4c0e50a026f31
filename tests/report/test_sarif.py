"""The SARIF report: of the official form, every control a rule, every trouble a result."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from tests.report.conftest import Compare
from tests.report.made import big, hostile, report
from tests.report.official import complaints_of_sarif
from tests.report.test_jsonreport import REPORTS
from virtwarden.model import HOST, Evidence, Finding, Outcome, Report, Result, Severity
from virtwarden.report import FORMATS

render = FORMATS["sarif"].render


def _only(finding: Finding, severity: Severity = Severity.HIGH) -> Report:
    return replace(report(), waivers=(), outcomes=(Outcome("c", "t", "tcb", severity, (), (finding,)),))


def test_it_is_as_it_was_when_last_looked_at(golden: Compare) -> None:
    golden("report.sarif", render(report()))


@pytest.mark.parametrize(
    "made",
    [report(), hostile(), big(20, 4), replace(report(), outcomes=())],
    ids=["small", "hostile", "many", "empty"],
)
def test_it_has_the_official_form(made: Report) -> None:
    assert complaints_of_sarif(render(made)) == []


@given(REPORTS)
@settings(max_examples=60, deadline=None)
def test_any_report_has_the_official_form(made: Report) -> None:
    assert complaints_of_sarif(render(made)) == []


def test_the_schema_would_complain() -> None:
    assert complaints_of_sarif('{"version": "2.1.0", "runs": [{}]}') != []


def test_every_control_is_a_rule_with_its_help() -> None:
    driver = json.loads(render(report(), {"vnc-requires-tls": "In the clear.\n\nFix: TLS."}))["runs"][0]["tool"][
        "driver"
    ]
    rules = {rule["id"]: rule for rule in driver["rules"]}
    assert list(rules) == [outcome.control for outcome in report().outcomes]
    assert rules["vnc-requires-tls"]["help"]["text"] == "In the clear.\n\nFix: TLS."
    assert rules["kernel-lockdown"]["properties"]["result"] == "unknown"


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.HIGH, "error"), (Severity.MEDIUM, "warning"), (Severity.LOW, "note"), (Severity.INFO, "note")],
)
def test_a_failure_has_the_level_of_its_severity(severity: Severity, level: str) -> None:
    (result,) = json.loads(render(_only(Finding(HOST, Result.FAIL, "m"), severity)))["runs"][0]["results"]
    assert (result["kind"], result["level"]) == ("fail", level)


@pytest.mark.parametrize("untold", [Result.UNKNOWN, Result.ERROR])
def test_what_could_not_be_told_is_open(untold: Result) -> None:
    run = json.loads(render(_only(Finding(HOST, untold, "m"))))["runs"][0]
    (result,) = run["results"]
    assert (result["kind"], result["level"]) == ("open", "none")
    assert run["invocations"][0]["executionSuccessful"] is (untold is Result.UNKNOWN)


@pytest.mark.parametrize("fine", [Result.PASS, Result.NOTAPPLICABLE])
def test_what_needs_no_look_is_no_result(fine: Result) -> None:
    assert json.loads(render(_only(Finding(HOST, fine, "m"))))["runs"][0]["results"] == []


def test_evidence_becomes_a_location() -> None:
    evidence = (
        Evidence("<graphics/>", path="/etc/libvirt/qemu/a b%.xml", line=7),
        Evidence("enabled 1", argv=("auditctl", "-s"), code=0),
        Evidence("file 0644", path="/x"),
    )
    (result,) = json.loads(render(_only(Finding(HOST, Result.FAIL, "m", evidence=evidence))))["runs"][0]["results"]
    (first,), related = result["locations"], result["relatedLocations"]
    assert first["physicalLocation"] == {
        "artifactLocation": {"uri": "etc/libvirt/qemu/a%20b%25.xml", "uriBaseId": "HOST"},
        "region": {"startLine": 7, "snippet": {"text": "<graphics/>"}},
    }
    assert related[0]["message"]["text"] == "auditctl -s (exit 0): enabled 1"
    assert "region" not in related[1]["physicalLocation"]


def test_waivers_are_suppressions_and_expired_ones_rejected() -> None:
    results = json.loads(render(report()))["runs"][0]["results"]
    found = {each["ruleId"]: each["suppressions"] for each in results if "suppressions" in each}
    assert [each["status"] for each in found["images-private"]] == ["accepted"]
    assert [each["status"] for each in found["audit-rules-immutable"]] == ["rejected"]


def test_fingerprints_are_distinct_and_do_not_move_with_ports() -> None:
    def prints(made: Report) -> list[object]:
        return [each["partialFingerprints"] for each in json.loads(render(made))["runs"][0]["results"]]

    before = Finding(HOST, Result.FAIL, "VNC is in the clear on 0.0.0.0:5900")
    after = replace(before, message="VNC is in the clear on 0.0.0.0:5907")
    assert prints(_only(before)) == prints(_only(after))
    all_of_them = [json.dumps(each) for each in prints(report())]
    assert len(all_of_them) == len(set(all_of_them))


def test_a_message_holds_no_link() -> None:
    (result,) = json.loads(render(_only(Finding(HOST, Result.FAIL, "[click](https://x.example)"))))["runs"][0][
        "results"
    ]
    assert "](" not in json.dumps(result["message"])
