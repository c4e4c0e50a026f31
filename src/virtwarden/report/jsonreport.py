"""A report as JSON: what other programs read, what a later scan is compared with, and the complete record.

Reading gives the report back exactly, but for undecodable bytes of the host, which JSON cannot hold and which
are spelled out (`\\xff`). `result`, `waived` and `summary` are worked out for those who read it with other tools.
Every finding stands on a line of its own. The JSON Schema is published as docs/reference/report.schema.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct, structs

from virtwarden.complaint import Complaint
from virtwarden.model import WORST_FIRST, Finding, Outcome, Report, Result, Severity, Waiver
from virtwarden.report.streamed import streamed
from virtwarden.report.visible import shown, without_surrogates

FORMAT: Final = 1
_LARGEST = 2**29


class BadReport(Complaint):
    """A file is not a report that can be read; the message says which file and why, in one sentence."""


class Summary(Struct, frozen=True, forbid_unknown_fields=True):
    """How many controls came out how, waivers taken into account, and how severe the failing ones are."""

    results: dict[Result, int]
    failing: dict[Severity, int]


class OutcomeDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """One control. `result` is that of its worst finding, where the `waived` failures are taken as passed."""

    control: str
    title: str
    chapter: str
    severity: Severity
    sections: tuple[str, ...]
    result: Result
    waived: int
    findings: tuple[Finding, ...]


class ReportDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """All that one scan found out about one host."""

    format: Literal[1]
    host: str
    source: str
    taken_at: Annotated[datetime, Meta(tz=True)]
    version: str
    profile: str
    summary: Summary
    waivers: tuple[Waiver, ...]
    outcomes: tuple[OutcomeDocument, ...]


_decode = msgspec.json.Decoder(ReportDocument).decode
_encode_lines = msgspec.json.Encoder().encode_lines


def pieces(report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report as JSON text."""
    del explanations  # they belong to the product, not to what was found
    results = [(outcome, report.result_of(outcome)) for outcome in report.outcomes]
    document = ReportDocument(
        FORMAT,
        report.host,
        report.source,
        report.taken_at,
        report.version,
        report.profile,
        _summary(results),
        report.waivers,
        (),
    )
    outcomes = (_outcome(report, outcome, result) for outcome, result in results)
    yield from streamed(_encodable(document), {"outcomes": outcomes})
    yield "\n"


def loads(text: str | bytes, name: str = "the text") -> Report:
    """The report that was written as this text. Raises `BadReport`."""
    try:
        document = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as wrong:
        raise BadReport(f"{name} is not a report: {_other_format(text) or shown(str(wrong), 300)}") from None
    twice = [id_ for id_, times in Counter(each.control for each in document.outcomes).items() if times > 1]
    if twice:
        raise BadReport(f"{name} is not a report: control {shown(twice[0], 80)} stands there twice")
    return Report(
        host=document.host,
        source=document.source,
        taken_at=document.taken_at,
        version=document.version,
        profile=document.profile,
        outcomes=tuple(
            Outcome(each.control, each.title, each.chapter, each.severity, each.sections, each.findings)
            for each in document.outcomes
        ),
        waivers=document.waivers,
        format=document.format,
    )


def load(path: str | Path) -> Report:
    """The report in a file. Raises `BadReport`."""
    name = shown(str(path), 300)
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST + 1)
    except (OSError, ValueError) as wrong:
        raise BadReport(f"{name} cannot be read: {getattr(wrong, 'strerror', None) or wrong}") from None
    if len(text) > _LARGEST:
        raise BadReport(f"{name} is not a report: it is larger than {_LARGEST // 2**20} MiB")
    return loads(text, name)


def schema() -> str:
    """The JSON Schema of a report, as it is published."""
    described = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "virt-warden report",
        **msgspec.json.schema(ReportDocument),
    }
    return msgspec.json.format(msgspec.json.encode(described), indent=2).decode() + "\n"


def _summary(results: list[tuple[Outcome, Result]]) -> Summary:
    by_result = Counter(result for _, result in results)
    by_severity = Counter(outcome.severity for outcome, result in results if result is Result.FAIL)
    return Summary(
        {result: by_result[result] for result in WORST_FIRST},
        {severity: by_severity[severity] for severity in Severity},
    )


def _outcome(report: Report, outcome: Outcome, result: Result) -> str:
    waived = sum(report.excused(outcome.control, finding) for finding in outcome.findings) if report.waivers else 0
    document = OutcomeDocument(
        outcome.control,
        outcome.title,
        outcome.chapter,
        outcome.severity,
        outcome.sections,
        result,
        waived,
        (),
    )
    return "".join(streamed(_encodable(document), {"findings": _findings(outcome)}))


def _findings(outcome: Outcome) -> Iterator[str]:
    """The findings, one a line, as a single item."""
    if not outcome.findings:
        return
    try:
        lines = _encode_lines(outcome.findings)
    except UnicodeEncodeError:
        lines = _encode_lines([_encodable(finding) for finding in outcome.findings])
    yield lines.decode().removesuffix("\n").replace("\n", ",\n")


_T = TypeVar("_T")


def _encodable(value: _T) -> _T:
    """The same value, with the undecodable bytes of every text in it spelled out."""
    return cast(_T, _rebuilt(value))


def _rebuilt(value: object) -> object:
    match value:
        case str():
            return value if value.isprintable() else without_surrogates(value)
        case tuple():
            return tuple(map(_rebuilt, value))
        case Struct():
            return structs.replace(
                value, **{name: _rebuilt(getattr(value, name)) for name in value.__struct_fields__}
            )
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{each.name: _rebuilt(getattr(value, each.name)) for each in fields(value)})
    return value


def _other_format(text: str | bytes) -> str:
    """Why a report of another format cannot be read; empty where that is not what is wrong."""
    try:
        found = msgspec.json.decode(text, type=_Format).format
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""
    return "" if found == FORMAT else f"its format is {found}, and this version reads format {FORMAT}"


class _Format(Struct):
    format: int
