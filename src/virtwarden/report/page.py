"""What the HTML page shows of a report: lists cut to what a page has room for, bars measured, words chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from virtwarden.model import WORST_FIRST, Change, Evidence, Finding, Outcome, Result, Severity
from virtwarden.report.digest import NOT_TOLD, Chapter, Digest, Group, Judged
from virtwarden.report.phrases import (
    NOTHING,
    RESULT_WORDS,
    change_lines,
    distinct_changes,
    moment,
    name_of,
    plural,
    waiver_words,
)
from virtwarden.report.visible import shown

SUBJECTS = 200  # listed of one group; the rest becomes a number
_AT_ONCE = 8  # listed without unfolding
_SAYING = 50  # listed with words of their own
_GROUPS = 12
_NAMES = 20_000
_EVIDENCE = 6
_CHANGES = 8
_TEXT = 600
_FIX = 1000
_FIX_LINES = 40
_OPEN = (Result.FAIL, *NOT_TOLD)

Places = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: where it begins and how long it is, in hundredths of the longest bar."""

    result: Result
    number: int
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a chart."""

    label: str
    link: str
    segments: tuple[Segment, ...]
    told: str


@dataclass(frozen=True, slots=True)
class Said:
    """One finding in a list: who, and what where that differs from one to the next."""

    about: str
    message: str


@dataclass(frozen=True, slots=True)
class Read:
    """A piece of evidence."""

    where: str
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Cut:
    """What a list has no room for: how much, and whom it speaks of, as places in the page's list of names."""

    number: int
    kinds: int
    places: str


@dataclass(frozen=True, slots=True)
class GroupView:
    """Findings that say the same, as the page shows them."""

    result: Result
    message: str
    state: str
    first: tuple[Said, ...]
    folded: tuple[Said, ...]
    cut: Cut
    number: int
    kind: str
    waiver: str
    expired: bool
    changes: tuple[tuple[str, ...], ...]
    changes_more: int
    evidence: tuple[Read, ...]
    evidence_more: int


@dataclass(frozen=True, slots=True)
class ControlView:
    """A control as the page shows it."""

    outcome: Outcome
    result: Result
    counts: str
    paragraphs: tuple[tuple[str, str], ...]
    telling: tuple[GroupView, ...]
    others: tuple[GroupView, ...]
    others_told: str
    cut: Cut


@dataclass(frozen=True, slots=True)
class ChapterView:
    """A chapter as the page shows it."""

    id: str
    title: str
    counts: str
    controls: tuple[ControlView, ...]


def segments(counts: Counter[Result], longest: int) -> tuple[Segment, ...]:
    """A bar of these results, where `longest` of them fill the whole length."""
    start = 0.0
    found: list[Segment] = []
    for result in WORST_FIRST:
        if number := counts[result]:
            length = 100 * number / longest
            found.append(Segment(result, number, round(start, 2), round(length, 2)))
            start += length
    return tuple(found)


def _bars(rows: Sequence[tuple[str, str, Counter[Result]]]) -> tuple[Bar, ...]:
    longest = max((counts.total() for _, _, counts in rows), default=0)
    return tuple(Bar(label, link, segments(counts, longest), _told(counts)) for label, link, counts in rows)


def bars_by_chapter(whole: Digest) -> tuple[Bar, ...]:
    """A bar for each chapter."""
    return _bars([(chapter.title, f"chapter-{chapter.id}", chapter.counts) for chapter in whole.chapters])


def bars_by_severity(whole: Digest) -> tuple[Bar, ...]:
    """A bar for each severity that occurs."""
    rows = {severity: Counter[Result]() for severity in Severity}
    for control in whole.controls:
        rows[control.outcome.severity][control.result] += 1
    return _bars([(severity, "", counts) for severity, counts in rows.items() if counts])


def _told(counts: Counter[Result]) -> str:
    return " · ".join(f"{counts[result]:,} {RESULT_WORDS[result]}" for result in WORST_FIRST if counts[result])


def chapter_view(chapter: Chapter, places: Places, explanations: Mapping[str, str]) -> ChapterView:
    """A chapter with all its controls."""
    controls = tuple(_control(control, places, explanations.get(control.id, "")) for control in chapter.controls)
    return ChapterView(chapter.id, chapter.title, _told(chapter.counts), controls)


def _control(control: Judged, places: Places, explanation: str) -> ControlView:
    groups = control.groups or (Group(Result.NOTAPPLICABLE, None, None, (NOTHING,)),)
    waived = f" · {control.excused:,} waived" if control.excused else ""
    told = Counter[Result]()
    for group in groups:
        told[group.result] += len(group.findings)
    listed, left = groups[:_GROUPS], groups[_GROUPS:]
    telling = [group for group in listed if group.result in _OPEN or control.result not in _OPEN]
    return ControlView(
        control.outcome,
        control.result,
        _told(told) + waived,
        tuple(_paragraphs(explanation)),
        tuple(_group(group, places) for group in telling),
        tuple(_group(group, places) for group in listed[len(telling) :]),
        _told(Counter({result: told[result] for result in (Result.PASS, Result.NOTAPPLICABLE)})),
        _cut([finding for group in left for finding in group.findings], len(left), places),
    )


def _room(group: Group) -> int:
    """How many findings of a group are listed."""
    return SUBJECTS if group.same_words else _SAYING


def places_of(whole: Digest) -> Places:
    """The subjects for which some list has no room, each with its place, so that a search finds them too."""
    names = dict.fromkeys(
        name_of(finding.subject)
        for control in whole.controls
        for number, group in enumerate(control.groups)
        for finding in group.findings[_room(group) if number < _GROUPS else 0 :]
    )
    return {name: place for place, name in enumerate(islice(names, _NAMES))}


def _cut(findings: Sequence[Finding], kinds: int, places: Places) -> Cut:
    found = sorted({places[name] for finding in findings if (name := name_of(finding.subject)) in places})
    runs = (list(run) for _, run in groupby(enumerate(found), key=lambda pair: pair[1] - pair[0]))
    said = " ".join(str(run[0][1]) if len(run) == 1 else f"{run[0][1]}-{run[-1][1]}" for run in runs)
    return Cut(len(findings), kinds, said)


def _paragraphs(explanation: str) -> Iterator[tuple[str, str]]:
    """The paragraphs of a control's prose, each with its label (`Judged`, `Fix`, `Proof`) or none."""
    for paragraph in explanation.split("\n\n"):
        words = " ".join(paragraph.split())
        label, colon, rest = words.partition(": ")
        if colon and label in ("Judged", "Fix", "Proof"):
            yield label, rest
        elif words:
            yield "", words


def _group(group: Group, places: Places) -> GroupView:
    same, kind = group.same_words, _kind(group.findings)
    listed = group.findings[: _room(group)]
    said = dict.fromkeys(
        Said(
            shown(finding.subject.name, 120) if kind else name_of(finding.subject),
            "" if same else shown(finding.message, _TEXT),
        )
        for finding in listed
    )
    evidence = list(dict.fromkeys(each for finding in group.findings[:_EVIDENCE] for each in finding.evidence))
    changes = [] if group.excused else distinct_changes(group.findings)
    return GroupView(
        result=group.result,
        message=shown(group.first.message, _TEXT) if same else "",
        state=group.state or "",
        first=tuple(said)[:_AT_ONCE],
        folded=tuple(said)[_AT_ONCE:],
        cut=_cut(group.findings[len(listed) :], 1, places),
        number=len(group.findings),
        kind=kind,
        waiver=waiver_words(group.waived) if group.waived else "",
        expired=group.waived is not None and group.waived.expired,
        changes=tuple(_change(each) for each in changes[:_CHANGES]),
        changes_more=max(0, len(changes) - _CHANGES),
        evidence=tuple(_read(each) for each in evidence[:_EVIDENCE]),
        evidence_more=max(0, len(group.findings) - _EVIDENCE),
    )


def _kind(findings: Sequence[Finding]) -> str:
    """The kind of all these subjects, in the plural; empty where there is one, or where kinds differ."""
    kinds = {finding.subject.kind for finding in findings}
    named = all(finding.subject.name for finding in findings)
    return shown(plural(kinds.pop()), 60) if len(kinds) == 1 and len(findings) > 1 and named else ""


def _read(evidence: Evidence) -> Read:
    return Read(
        shown(evidence.where, 300),
        shown(evidence.text, _TEXT),
        moment(evidence.at) if evidence.at else "",
    )


def _change(change: Change) -> tuple[str, ...]:
    lines = [shown(words, _FIX) for words in change_lines(change)]
    cut = [f"… and {len(lines) - _FIX_LINES:,} more lines"] if len(lines) > _FIX_LINES else []
    return (*lines[:_FIX_LINES], *cut)
