"""A report by the requirements of a standard instead of by chapter, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from virtwarden.model import WORST_FIRST, Outcome, Report, Result, worst
from virtwarden.report.layout import Style
from virtwarden.report.lines import Line, cornered, cut, hanging, line, printed
from virtwarden.report.phrases import RESULT_WORDS, count, moment
from virtwarden.report.streamed import inert
from virtwarden.report.text import INKS, SIGNS
from virtwarden.report.visible import shown, without_surrogates
from virtwarden.standards import Requirement, Standard


@dataclass(frozen=True, slots=True)
class Met:
    """A requirement with the controls of the report that meet it, worst first.

    Its result is that of the worst of them; None where the report has none of them.
    """

    requirement: Requirement
    result: Result | None
    outcomes: tuple[tuple[Outcome, Result], ...]


class _Control(Struct, frozen=True):
    control: str
    result: Result


class _Requirement(Struct, frozen=True):
    id: str
    title: str
    why: str
    result: Result | None
    controls: tuple[_Control, ...]


class _Grouped(Struct, frozen=True):
    standard: str
    title: str
    source: str
    host: str
    taken_at: str
    requirements: tuple[_Requirement, ...]


def by_standard(report: Report, standard: Standard) -> tuple[Met, ...]:
    """Every requirement of the standard, in its own order."""
    judged = {outcome.control: (outcome, report.result_of(outcome)) for outcome in report.outcomes}
    return tuple(_met(requirement, judged) for requirement in standard.requirements)


def render(report: Report, standard: Standard, style: Style | None = None) -> str:
    """The standard's requirements and how they are met, as text."""
    style = style or Style()
    return printed(_lines(report, standard, style.width), style)


def as_json(report: Report, standard: Standard) -> str:
    """The standard's requirements and how they are met, as JSON; `result` is null where nothing was judged."""
    requirements = tuple(
        _Requirement(
            met.requirement.id,
            met.requirement.title,
            met.requirement.why,
            met.result,
            tuple(_Control(outcome.control, result) for outcome, result in met.outcomes),
        )
        for met in by_standard(report, standard)
    )
    host = without_surrogates(report.host)
    at = report.taken_at.isoformat()
    grouped = _Grouped(standard.id, standard.title, standard.source, host, at, requirements)
    return inert(msgspec.json.format(msgspec.json.encode(grouped), indent=2).decode()) + "\n"


def _met(requirement: Requirement, judged: dict[str, tuple[Outcome, Result]]) -> Met:
    found = [judged[control] for control in requirement.controls if control in judged]
    found.sort(key=lambda pair: WORST_FIRST.index(pair[1]))
    return Met(requirement, worst(result for _, result in found) if found else None, tuple(found))


def _lines(report: Report, standard: Standard, width: int) -> Iterator[Line]:
    requirements = by_standard(report, standard)
    host = line((shown(report.host, 80), "bold"))
    yield from cornered(host, line((f"virt-warden {shown(report.version, 40)}", "dim")), width)
    yield from hanging(line((f"{moment(report.taken_at)} · {standard.title}", "dim")), width, 0)
    yield from hanging(line((standard.source, "dim")), width, 0)
    yield line()
    tally = Counter(met.result for met in requirements)
    told = [f"{tally[result]} {RESULT_WORDS[result]}" for result in WORST_FIRST if tally[result]]
    if tally[None]:
        told.append(f"{tally[None]} not judged")
    yield from hanging(line(f"{count(len(requirements), 'requirement')}: {' · '.join(told)}"), width, 0)
    for met in requirements:
        yield line()
        yield from _requirement(met, width)


def _requirement(met: Met, width: int) -> Iterator[Line]:
    word = RESULT_WORDS[met.result] if met.result else "not judged"
    ink = INKS[met.result] if met.result else "dim"
    left = line((SIGNS[met.result] if met.result else " ", ink), " ", (met.requirement.id, "bold"))
    yield from cornered(left, line((word, ink)), width)
    yield from hanging(line(met.requirement.title), width, 2)
    if met.requirement.why:
        yield from hanging(line((met.requirement.why, "dim")), width, 2)
    column = min(max((len(outcome.control) for outcome, _ in met.outcomes), default=0), width // 2)
    for outcome, result in met.outcomes:
        sign = (f"{SIGNS[result]} ", INKS[result])
        name, title = shown(outcome.control, 80), shown(outcome.title, 300)
        yield cut(line(sign, f"{name:<{column}}  ", (title, "dim")), width, 4)
