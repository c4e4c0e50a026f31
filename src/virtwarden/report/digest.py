"""A report put in order for readers: chapters and controls worst first, findings that say the same together.

On a host of two thousand guests one control has thousands of findings, and nearly all of them say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from virtwarden.control import CHAPTERS
from virtwarden.model import WORST_FIRST, Finding, Outcome, Report, Result, Severity, State, Waived, worst
from virtwarden.report.identity import shape

_RANK = {result: rank for rank, result in enumerate(WORST_FIRST)}
_CHAPTER_ORDER = {chapter: place for place, chapter in enumerate(CHAPTERS)}
WaiverOf = Callable[[Finding], Waived | None]
NOT_TOLD = (Result.ERROR, Result.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one control that say the same, but for numbers and their subject's name; or all that pass."""

    result: Result
    state: State | None
    waived: Waived | None
    findings: tuple[Finding, ...]

    @property
    def excused(self) -> bool:
        """Whether a waiver that still holds accepts these failures."""
        return self.waived is not None and not self.waived.expired

    @property
    def effective(self) -> Result:
        """The result with waivers taken into account."""
        return Result.PASS if self.excused else self.result

    @property
    def first(self) -> Finding:
        """The one that is shown in full."""
        return self.findings[0]

    @property
    def same_words(self) -> bool:
        """Whether all messages are the very same."""
        message = self.first.message
        return all(finding.message == message for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Judged:
    """One control of a report."""

    outcome: Outcome
    result: Result
    groups: tuple[Group, ...]

    @property
    def id(self) -> str:
        """The control's id."""
        return self.outcome.control

    @property
    def excused(self) -> int:
        """How many of its failures a waiver accepts."""
        return sum(len(group.findings) for group in self.groups if group.excused)

    def of(self, *results: Result) -> tuple[Group, ...]:
        """The groups that came out like this, those a waiver accepts among the failing."""
        return tuple(group for group in self.groups if group.result in results)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The controls of one chapter, worst first."""

    id: str
    title: str
    controls: tuple[Judged, ...]

    @property
    def counts(self) -> Counter[Result]:
        """How many controls came out how."""
        return Counter(control.result for control in self.controls)


@dataclass(frozen=True, slots=True)
class Digest:
    """A whole report in order, chapters with the worst control first."""

    report: Report
    chapters: tuple[Chapter, ...]

    @property
    def controls(self) -> tuple[Judged, ...]:
        """Every control, in the order of the chapters."""
        return tuple(control for chapter in self.chapters for control in chapter.controls)

    @property
    def counts(self) -> Counter[Result]:
        """How many controls came out how, waivers taken into account."""
        return Counter(control.result for control in self.controls)

    def severities(self, *results: Result) -> Counter[Severity]:
        """How severe the controls are that came out like this."""
        return Counter(control.outcome.severity for control in self.controls if control.result in results)

    @property
    def waived(self) -> tuple[tuple[Judged, Group], ...]:
        """The failures that a waiver speaks of, expired or not, with their controls."""
        return tuple((control, group) for control in self.controls for group in control.groups if group.waived)

    @property
    def worst(self) -> Judged | None:
        """The control to look at first; None where nothing fails and nothing is untold."""
        first = self.controls[0] if self.controls else None
        return first if first and first.result in (Result.FAIL, *NOT_TOLD) else None


def digest(report: Report) -> Digest:
    """The report in order."""
    controls = sorted((_judged(report, outcome) for outcome in report.outcomes), key=_chapter_place)
    chapters = [
        Chapter(id_, CHAPTERS.get(id_, id_), tuple(sorted(members, key=_badness)))
        for (_, id_), members in groupby(controls, key=_chapter_place)
    ]
    return Digest(report, tuple(sorted(chapters, key=lambda chapter: _badness(chapter.controls[0])[:2])))


def both_states(groups: Iterable[Group]) -> list[tuple[Group, ...]]:
    """The groups, those together that say the same words of the same things in two states."""
    together: dict[object, list[Group]] = {}
    for group in groups:
        said = tuple((finding.subject, finding.message) for finding in group.findings)
        together.setdefault((group.result, group.waived, said), []).append(group)
    return [tuple(members) for members in together.values()]


def _chapter_place(control: Judged) -> tuple[int, str]:
    chapter = control.outcome.chapter
    return _CHAPTER_ORDER.get(chapter, len(CHAPTERS)), chapter


def _badness(control: Judged) -> tuple[int, int, str]:
    return _RANK[control.result], -control.outcome.severity.rank, control.id


def _judged(report: Report, outcome: Outcome) -> Judged:
    waiver_of: WaiverOf = _no_waiver
    if any(waiver.control == outcome.control for waiver in report.waivers):
        waiver_of = partial(report.waived, outcome.control)
    groups = tuple(sorted(_grouped(outcome.findings, waiver_of), key=_group_badness))
    return Judged(outcome, worst(group.effective for group in groups), groups)


def _no_waiver(_: Finding) -> None:
    return None


def _group_badness(group: Group) -> tuple[int, int, int]:
    return _RANK[group.effective], _RANK[group.result], -len(group.findings)


def _grouped(findings: Iterable[Finding], waiver_of: WaiverOf) -> list[Group]:
    together: dict[tuple[Result, State | None, Waived | None, str], list[Finding]] = {}
    for finding in findings:
        said = "" if finding.result is Result.PASS else _gist(finding)
        together.setdefault((finding.result, finding.state, waiver_of(finding), said), []).append(finding)
    return [
        Group(result, state, waived, tuple(members)) for (result, state, waived, _), members in together.items()
    ]


def _gist(finding: Finding) -> str:
    name = finding.subject.name
    return shape(finding.message.replace(name, "…") if name else finding.message)
