"""A report as SARIF 2.1.0, for dashboards and code hosts that gather findings of many tools.

Every control is a rule; what fails is a result of kind `fail`, what could not be told is `open`, never passed.
Findings that pass are not results: viewers list each result as a thing to look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from msgspec import Struct

from virtwarden.model import Evidence, Finding, Outcome, Report, Result, Severity, Waived
from virtwarden.report.identity import Key, fingerprint, key
from virtwarden.report.phrases import change_lines, name_of, utc, waiver_words
from virtwarden.report.streamed import encode, streamed
from virtwarden.report.visible import shown, visible_lines

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "HOST"
_LEVELS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note", Severity.INFO: "note"}
_RESULTS = (Result.FAIL, Result.UNKNOWN, Result.ERROR)
_LONGEST = 4000


class _Message(Struct, frozen=True):
    text: str


class _Artifact(Struct, frozen=True, rename="camel", omit_defaults=True):
    uri: str = ""
    uri_base_id: str = ""
    description: _Message | None = None


class _Region(Struct, frozen=True, rename="camel", omit_defaults=True):
    start_line: int
    snippet: _Message | None = None


class _Physical(Struct, frozen=True, rename="camel", omit_defaults=True):
    artifact_location: _Artifact
    region: _Region | None = None


class _Logical(Struct, frozen=True, rename="camel"):
    fully_qualified_name: str
    kind: str


class _LocationProperties(Struct, frozen=True, rename="camel"):
    read_at: str


class _Location(Struct, frozen=True, rename="camel", omit_defaults=True):
    physical_location: _Physical | None = None
    logical_locations: tuple[_Logical, ...] = ()
    message: _Message | None = None
    properties: _LocationProperties | None = None


class _Suppression(Struct, frozen=True):
    kind: str
    status: str
    justification: str


class _ResultProperties(Struct, frozen=True, omit_defaults=True):
    result: str
    subject: str
    state: str = ""
    fix: tuple[str, ...] = ()


class _Result(Struct, frozen=True, rename="camel", omit_defaults=True):
    rule_id: str
    rule_index: int
    kind: str
    level: str
    message: _Message
    locations: tuple[_Location, ...]
    partial_fingerprints: dict[str, str]
    related_locations: tuple[_Location, ...] = ()
    suppressions: tuple[_Suppression, ...] = ()
    properties: _ResultProperties | None = None


class _Configuration(Struct, frozen=True):
    level: str


class _RuleProperties(Struct, frozen=True):
    tags: tuple[str, ...]
    chapter: str
    severity: Severity
    result: Result


class _Rule(Struct, frozen=True, rename="camel"):
    id: str
    short_description: _Message
    help: _Message
    default_configuration: _Configuration
    properties: _RuleProperties


class _Driver(Struct, frozen=True, rename="camel"):
    name: str
    version: str
    rules: tuple[_Rule, ...]


class _Tool(Struct, frozen=True):
    driver: _Driver


class _Notification(Struct, frozen=True):
    level: str
    message: _Message


class _Invocation(Struct, frozen=True, rename="camel"):
    execution_successful: bool
    end_time_utc: str
    machine: str
    tool_execution_notifications: tuple[_Notification, ...]


class _Run(Struct, frozen=True, rename="camel"):
    tool: _Tool
    invocations: tuple[_Invocation, ...]
    original_uri_base_ids: dict[str, _Artifact]
    column_kind: str
    results: tuple[_Result, ...]


class _Log(Struct, frozen=True, rename={"schema": "$schema"}):
    schema: str
    version: str
    runs: tuple[_Run, ...]


def pieces(report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report as SARIF text; explanations become the rules' help."""
    run = _Run(
        tool=_Tool(_Driver("virt-warden", _said(report.version), _rules(report, explanations or {}))),
        invocations=(_invocation(report),),
        original_uri_base_ids={_ROOT: _Artifact(description=_Message(f"the root of {_said(report.host)}"))},
        column_kind="unicodeCodePoints",
        results=(),
    )
    yield from streamed(_Log(_SCHEMA, "2.1.0", (run,)), {"results": _results(report)})
    yield "\n"


def _rules(report: Report, explanations: Mapping[str, str]) -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            id=_said(outcome.control),
            short_description=_Message(_said(outcome.title)),
            help=_Message("\n".join(visible_lines(explanations.get(outcome.control, outcome.title)))),
            default_configuration=_Configuration(_LEVELS[outcome.severity]),
            properties=_RuleProperties(
                ("security", _said(outcome.chapter)),
                _said(outcome.chapter),
                outcome.severity,
                report.result_of(outcome),
            ),
        )
        for outcome in report.outcomes
    )


def _invocation(report: Report) -> _Invocation:
    broken = tuple(
        _Notification("error", _Message(f"{_said(outcome.control)}: {_said(finding.message)}"))
        for outcome in report.outcomes
        for finding in outcome.findings
        if finding.result is Result.ERROR
    )
    at = utc(report.taken_at).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _Invocation(not broken, at, _said(report.host), broken)


def _results(report: Report) -> Iterator[str]:
    seen = Counter[Key]()
    for index, outcome in enumerate(report.outcomes):
        for finding in outcome.findings:
            if finding.result in _RESULTS:
                known_by = key(outcome.control, finding)
                seen[known_by] += 1
                name = f"{fingerprint(known_by)}:{seen[known_by]}"
                yield encode(_result(report, outcome, index, finding, name)).decode()


def _result(report: Report, outcome: Outcome, index: int, finding: Finding, name: str) -> _Result:
    failed = finding.result is Result.FAIL
    waived = report.waived(outcome.control, finding)
    about = name_of(finding.subject)
    state = f" ({finding.state})" if finding.state else ""
    first, *related = [_location(about, evidence) for evidence in finding.evidence] or [_location(about, None)]
    return _Result(
        rule_id=_said(outcome.control),
        rule_index=index,
        kind="fail" if failed else "open",
        level=_LEVELS[outcome.severity] if failed else "none",
        message=_Message(f"{about}: {_said(finding.message)}{state}"),
        locations=(first,),
        partial_fingerprints={"virtWarden/v1": name},
        related_locations=tuple(dict.fromkeys(related)),
        suppressions=(_suppression(waived),) if waived else (),
        properties=_ResultProperties(
            finding.result,
            about,
            finding.state or "",
            tuple("\n".join(map(_said, change_lines(change))) for change in finding.fix),
        ),
    )


def _location(about: str, evidence: Evidence | None) -> _Location:
    subject = (_Logical(about, "resource"),)
    if evidence is None:
        return _Location(logical_locations=subject)
    text, where = _said(evidence.text), _said(evidence.where)
    read = _LocationProperties(evidence.at.isoformat()) if evidence.at else None
    if evidence.path is None or evidence.argv:
        return _Location(None, subject, _Message(": ".join(filter(None, (where, text)))), read)
    region = _Region(evidence.line, _Message(text)) if evidence.line else None
    file = _Physical(_Artifact(_uri(evidence.path), _ROOT), region)
    return _Location(file, subject, None if region else _Message(text), read)


def _uri(path: str) -> str:
    """The path below the host's root as a relative URI."""
    relative = path[:_LONGEST].lstrip("/").encode("utf-8", "backslashreplace")
    return quote(relative)


def _suppression(waived: Waived) -> _Suppression:
    return _Suppression("external", "rejected" if waived.expired else "accepted", waiver_words(waived))


def _said(text: str) -> str:
    """The text, safe to show, in which a viewer finds no link."""
    return shown(text, _LONGEST).replace("](", "] (")
