"""A report as OSCAL assessment results (1.1), for tools that keep the books of compliance.

Each control is an OSCAL finding with the observations that it rests on; each failing one is a risk, and each
waiver a risk whose acceptance has a deadline. Failures and what could not be told are observed one by one, the
rest together. Every UUID is derived from what it names: the same report gives the same text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import chain, islice
from uuid import UUID, uuid5

from virtwarden.model import HOST, Evidence, Finding, Report, Result, Subject
from virtwarden.report.digest import NOT_TOLD, Digest, Group, Judged, digest
from virtwarden.report.phrases import (
    RESULT_WORDS,
    change_lines,
    count,
    distinct_changes,
    name_of,
    subjects,
    utc,
    waiver_words,
)
from virtwarden.report.streamed import Json, encode, streamed
from virtwarden.report.visible import shown, without_surrogates

OSCAL_VERSION = "1.1.2"
_TOOL = "virt-warden"
_NAMESPACE = UUID("0b4f6f0e-6a55-5f6b-9d53-6d6a2f6f2c11")
_NS = "https://virt-warden.invalid/ns/oscal"
_OPEN = (Result.FAIL, *NOT_TOLD)
_LONGEST = 4000
_TOGETHER = 20
_MARKUP = re.compile(r"[\\`*<>\[\]&]|(?<!\w)_|_(?!\w)")


@dataclass(frozen=True, slots=True)
class _Names:
    """The UUIDs of one report: each is derived from the report and from what it names."""

    report: UUID
    subjects: Mapping[Subject, str]

    def of(self, *parts: str) -> str:
        return _uuid(self.report, *parts)

    def observation(self, control: Judged, group: int, place: int) -> str:
        return self.of("observation", control.id, str(group), str(place))

    def risk(self, control: Judged, group: Group) -> str:
        return self.of("risk", control.id, waiver_words(group.waived) if group.waived else "")


def pieces(report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report as OSCAL JSON text; explanations become the descriptions of the findings."""
    whole = digest(report)
    base = UUID(_uuid(_NAMESPACE, report.host, report.source, report.taken_at.isoformat()))
    about = {finding.subject for outcome in report.outcomes for finding in outcome.findings}
    names = _Names(base, {subject: _uuid(base, "subject", subject.kind, subject.name) for subject in about})
    lists: dict[str, Iterator[Json]] = {
        "inventory-items": _inventory(whole, names),
        "observations": (each for control in whole.controls for each in _observations(report, names, control)),
        "risks": (each for control in whole.controls for each in _risks(names, control)),
        "findings": (_finding(names, control, explanations or {}) for control in whole.controls),
    }
    begun = {name: list(islice(items, 1)) for name, items in lists.items()}
    filled = {name: map(_text, chain(first, lists[name])) for name, first in begun.items() if first}
    yield from streamed(_document(whole, names, filled.keys()), filled)
    yield "\n"


def _document(whole: Digest, names: _Names, lists: Collection[str]) -> Json:
    report = whole.report
    host, at = _line(report.host), _time(report.taken_at)
    local: dict[str, Json] = {
        "components": [_component(names, "this-system", host), _component(names, "software", _TOOL)]
    }
    if "inventory-items" in lists:
        local["inventory-items"] = []
    result: dict[str, Json] = {
        "uuid": names.of("result"),
        "title": f"Scan of {host}",
        "description": f"Read from {_markup(report.source)}, judged by the profile {_markup(report.profile)}.",
        "start": at,
        "end": at,
        "local-definitions": local,
        "reviewed-controls": {"control-selections": [_selection(whole)]},
    }
    for name in ("observations", "risks", "findings"):
        if name in lists:
            result[name] = []
    return {
        "assessment-results": {
            "uuid": names.of("assessment-results"),
            "metadata": {
                "title": f"virt-warden: {host}",
                "last-modified": at,
                "version": f"format {report.format}",
                "oscal-version": OSCAL_VERSION,
            },
            "import-ap": {"href": f"#{names.of('plan')}"},
            "results": [result],
            "back-matter": {"resources": [_plan(report, names)]},
        }
    }


def _component(names: _Names, kind: str, title: str) -> Json:
    return {
        "uuid": names.of("component", kind),
        "type": kind,
        "title": title,
        "description": "The host that was judged." if kind == "this-system" else "The program that judged it.",
        "status": {"state": "operational"},
    }


def _plan(report: Report, names: _Names) -> Json:
    about = (
        f"The controls that the profile {_markup(report.profile)} of {_TOOL} {_markup(report.version)} selects."
    )
    return {"uuid": names.of("plan"), "title": f"Profile {_line(report.profile)}", "description": about}


def _selection(whole: Digest) -> Json:
    ids = dict.fromkeys(_token(control.id) for control in whole.controls)
    return {"include-controls": [{"control-id": id_} for id_ in ids]} if ids else {"include-all": {}}


def _inventory(whole: Digest, names: _Names) -> Iterator[Json]:
    found = dict.fromkeys(
        finding.subject
        for control in whole.controls
        for finding in control.outcome.findings
        if finding.subject != HOST
    )
    for subject in found:
        yield {"uuid": names.subjects[subject], "description": _markup(name_of(subject))}


def _observations(report: Report, names: _Names, control: Judged) -> Iterator[Json]:
    for number, group in enumerate(control.groups):
        for place, findings in enumerate(_observed(group)):
            yield _observation(report, names.observation(control, number, place), names, group, findings)


def _observed(group: Group) -> list[tuple[Finding, ...]]:
    """What is observed one by one, and what together."""
    return [(finding,) for finding in group.findings] if group.result in _OPEN else [group.findings]


def _observation(
    report: Report, uuid: str, names: _Names, group: Group, findings: tuple[Finding, ...]
) -> dict[str, Json]:
    told = list(dict.fromkeys(each for finding in findings[:_TOGETHER] for each in finding.evidence))
    words = group.first.message if group.same_words else RESULT_WORDS[group.result]
    about = f"{subjects(findings, 3)}: {findings[0].message if len(findings) == 1 else words}"
    made: dict[str, Json] = {
        "uuid": uuid,
        "description": _markup(about),
        "props": [_prop("result", group.result), *([_prop("state", group.state)] if group.state else [])],
        "methods": ["EXAMINE"],
        "types": ["finding" if group.result is Result.FAIL else "control-objective"],
        "origins": [_origin(names)],
        "subjects": [_subject(names, subject) for subject in dict.fromkeys(each.subject for each in findings)],
        "collected": _time(min((each.at for each in told if each.at), default=report.taken_at)),
    }
    if told:
        made["relevant-evidence"] = [{"description": _evidence(each)} for each in told]
    return made


def _uuid(namespace: UUID, *parts: str) -> str:
    return str(uuid5(namespace, without_surrogates("\0".join(parts))))


def _subject(names: _Names, subject: Subject) -> Json:
    if subject == HOST:
        return {"subject-uuid": names.of("component", "this-system"), "type": "component", "title": "host"}
    return {"subject-uuid": names.subjects[subject], "type": "inventory-item", "title": _line(name_of(subject))}


def _evidence(evidence: Evidence) -> str:
    return (
        _markup(f"{evidence.where}: {evidence.text}" if evidence.where else evidence.text) or "nothing was printed"
    )


def _risks(names: _Names, control: Judged) -> Iterator[Json]:
    """A risk for the failures that nobody accepts, and one for each waiver that speaks of some."""
    by_risk: dict[str, list[Group]] = {}
    for group in control.of(Result.FAIL):
        by_risk.setdefault(names.risk(control, group), []).append(group)
    for uuid, groups in by_risk.items():
        yield _risk(names, control, uuid, groups)


def _risk(names: _Names, control: Judged, uuid: str, groups: list[Group]) -> Json:
    findings = [finding for group in groups for finding in group.findings]
    waived = groups[0].waived
    said = [f"{subjects(group.findings, 3)}: {group.first.message}" for group in groups]
    if waived:
        said.append(waiver_words(waived))
    risk: dict[str, Json] = {
        "uuid": uuid,
        "title": _line(control.outcome.title),
        "description": _markup(f"{count(len(findings), 'failure')} of {control.id}"),
        "statement": "\n\n".join(map(_markup, said)),
        "status": "deviation-approved" if groups[0].excused else "open",
        "characterizations": [{"origin": _origin(names), "facets": [_facet(control)]}],
    }
    if waived:
        risk["deadline"] = _time(datetime.combine(waived.waiver.ends, time(23, 59, 59), UTC))
    if changes := distinct_changes(findings)[:_TOGETHER]:
        steps = ["\n".join(map(_markup, change_lines(change))) for change in changes]
        response = {
            "lifecycle": "recommendation",
            "title": "Make the control pass",
            "description": "\n\n".join(steps),
        }
        risk["remediations"] = [{"uuid": names.of("response", uuid), **response}]
    return risk


def _finding(names: _Names, control: Judged, explanations: Mapping[str, str]) -> Json:
    outcome = control.outcome
    finding: dict[str, Json] = {
        "uuid": names.of("finding", control.id),
        "title": _line(outcome.title),
        "description": "\n".join(map(_markup, explanations.get(control.id, outcome.title).split("\n"))),
        "props": [
            _prop("chapter", outcome.chapter),
            _prop("severity", outcome.severity),
            _prop("result", control.result),
        ],
        "target": _target(control),
    }
    observations: list[Json] = [
        {"observation-uuid": names.observation(control, number, place)}
        for number, group in enumerate(control.groups)
        for place in range(len(_observed(group)))
    ]
    risks = dict.fromkeys(names.risk(control, group) for group in control.of(Result.FAIL))
    if observations:
        finding["related-observations"] = observations
    if risks:
        finding["related-risks"] = [{"risk-uuid": uuid} for uuid in risks]
    return finding


def _target(control: Judged) -> Json:
    """The control's status; what could not be told is not satisfied."""
    met = control.result in (Result.PASS, Result.NOTAPPLICABLE)
    reason = {Result.PASS: "pass", Result.FAIL: "fail"}.get(control.result, "other")
    target: dict[str, Json] = {
        "type": "objective-id",
        "target-id": _token(control.id),
        "status": {
            "state": "satisfied" if met else "not-satisfied",
            "reason": reason,
            "remarks": RESULT_WORDS[control.result],
        },
    }
    if control.result is Result.NOTAPPLICABLE:
        target["implementation-status"] = {"state": "not-applicable"}
    return target


def _origin(names: _Names) -> Json:
    return {"actors": [{"type": "tool", "actor-uuid": names.of("component", "software")}]}


def _facet(control: Judged) -> Json:
    return {"name": "severity", "system": _NS, "value": control.outcome.severity}


def _prop(name: str, value: str) -> Json:
    return {"name": name, "ns": _NS, "value": shown(value, _LONGEST).strip() or "none"}


def _time(at: datetime) -> str:
    return utc(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def _token(text: str) -> str:
    """The text as an XML name without colon, which is what OSCAL takes for an id."""
    legal = re.sub(r"[^\w.-]", "_", text[:_LONGEST])
    return legal if legal[:1].isalpha() else f"_{legal}"


def _line(text: str) -> str:
    return _markup(text).strip() or "without a name"


def _markup(text: str) -> str:
    """The text on one line of Markdown, in which nothing is markup."""
    return _MARKUP.sub(r"\\\g<0>", shown(text, _LONGEST))


def _text(item: Json) -> str:
    return encode(item).decode()
