"""Two reports of one host side by side: what is new, what is gone, what has stayed.

Compared is what counts against the host: failures that no waiver excuses, and what could not be told. A finding
is the same in both reports by `identity.key` and its result; a control that said the same thing twice of one
subject and says it three times now has one new finding. A failure that cannot be judged any more is never `gone`
but `untold`: its control is not in the later report, or could not tell of that subject or of the host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from virtwarden.model import HOST, Finding, Report, Result, Severity
from virtwarden.report.identity import Key, key
from virtwarden.report.layout import Detail, Style
from virtwarden.report.lines import Line, cornered, hanging, line, printed
from virtwarden.report.phrases import count, moment, name_of
from virtwarden.report.visible import shown

_COUNTED = (Result.FAIL, Result.ERROR, Result.UNKNOWN)
_NOT_TOLD = (Result.ERROR, Result.UNKNOWN)
_SHOWN = {Detail.BRIEF: 3, Detail.NORMAL: 10, Detail.FULL: 1000}


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding with the control that made it."""

    control: str
    severity: Severity
    finding: Finding


@dataclass(frozen=True, slots=True)
class Comparison:
    """What counts against a host now and did not before, and the other way about."""

    before: Report
    after: Report
    new: tuple[Entry, ...]
    gone: tuple[Entry, ...]
    unchanged: tuple[Entry, ...]
    untold: tuple[Entry, ...]


def compare(before: Report, after: Report) -> Comparison:
    """What changed from one report to a later one."""
    old, now = list(_entries(before)), list(_entries(after))
    new, unchanged = _split(now, Counter(map(_known_by, old)))
    lost, _ = _split(old, Counter(map(_known_by, now)))
    judged = {outcome.control for outcome in after.outcomes}
    dark = {(entry.control, entry.finding.subject) for entry in now if entry.finding.result in _NOT_TOLD}

    def untold(entry: Entry) -> bool:
        control, subject = entry.control, entry.finding.subject
        return control not in judged or (control, subject) in dark or (control, HOST) in dark

    return Comparison(
        before,
        after,
        new=tuple(new),
        gone=tuple(entry for entry in lost if not untold(entry)),
        unchanged=tuple(unchanged),
        untold=tuple(entry for entry in lost if untold(entry)),
    )


def render(comparison: Comparison, style: Style | None = None) -> str:
    """The comparison as text."""
    style = style or Style()
    return printed(_lines(comparison, style), style)


def _entries(report: Report) -> Iterator[Entry]:
    for outcome in report.outcomes:
        for finding in outcome.findings:
            if finding.result in _COUNTED and not (report.waivers and report.excused(outcome.control, finding)):
                yield Entry(outcome.control, outcome.severity, finding)


def _known_by(entry: Entry) -> tuple[Key, Result]:
    return key(entry.control, entry.finding), entry.finding.result


def _split(entries: list[Entry], others: Counter[tuple[Key, Result]]) -> tuple[list[Entry], list[Entry]]:
    """Those that the others have not, and those that they have."""
    left = others.copy()
    only: list[Entry] = []
    both: list[Entry] = []
    for entry in entries:
        known_by = _known_by(entry)
        if left[known_by] > 0:
            left[known_by] -= 1
            both.append(entry)
        else:
            only.append(entry)
    return only, both


def _lines(comparison: Comparison, style: Style) -> Iterator[Line]:
    before, after = comparison.before, comparison.after
    hosts = dict.fromkeys((shown(before.host, 80), shown(after.host, 80)))
    yield line((" and ".join(hosts), "bold"))
    yield from hanging(line((f"{moment(before.taken_at)} and {moment(after.taken_at)}", "dim")), style.width, 0)
    if len(hosts) > 1:
        yield from hanging(line(("these are two hosts, not one host at two times", "yellow")), style.width, 0)
    yield line()
    told = [
        f"{len(comparison.new):,} new",
        f"{len(comparison.gone):,} gone",
        f"{len(comparison.unchanged):,} unchanged",
    ]
    if comparison.untold:
        told.append(f"{len(comparison.untold):,} cannot be told any more")
    yield from hanging(line("   ".join(told)), style.width, 0)
    yield from _section("New", comparison.new, style)
    yield from _section("Gone", comparison.gone, style, "✓", "green")
    yield from _section("Cannot be told any more", comparison.untold, style, "?", "yellow")
    if style.detail is Detail.FULL:
        yield from _section("Unchanged", comparison.unchanged, style)
    elif comparison.unchanged:
        yield from _in_short("Unchanged", comparison.unchanged, style.width)


def _in_short(title: str, entries: tuple[Entry, ...], width: int) -> Iterator[Line]:
    """Only how many findings each control has."""
    yield from _heading(title, entries, width)
    yield line()
    for control, found in _by_control(entries):
        left = line("  ", shown(control, 80))
        yield from cornered(left, line((count(len(found), "finding"), "dim")), width)


def _section(
    title: str, entries: tuple[Entry, ...], style: Style, sign: str = "", ink: str = ""
) -> Iterator[Line]:
    if not entries:
        return
    yield from _heading(title, entries, style.width)
    limit = _SHOWN[style.detail]
    for control, found in _by_control(entries):
        yield line()
        left = line("  ", (shown(control, 80), "bold"))
        yield from cornered(left, line((str(found[0].severity), "dim")), style.width)
        for entry in found[:limit]:
            yield from _entry(entry.finding, style.width, sign, ink)
        if len(found) > limit:
            yield line("    ", (f"and {len(found) - limit:,} more", "dim"))


def _heading(title: str, entries: tuple[Entry, ...], width: int) -> Iterator[Line]:
    yield line()
    yield line()
    yield from cornered(line((title, "bold")), line((count(len(entries), "finding"), "dim")), width, "─")


def _by_control(entries: tuple[Entry, ...]) -> Iterator[tuple[str, list[Entry]]]:
    """The findings of each control, the most severe controls first."""
    ordered = sorted(entries, key=lambda entry: (-entry.severity.rank, entry.control))
    for control, members in groupby(ordered, key=lambda entry: entry.control):
        yield control, list(members)


def _entry(finding: Finding, width: int, sign: str, ink: str) -> Iterator[Line]:
    failed = finding.result is Result.FAIL
    sign, ink = sign or ("✗" if failed else "?"), ink or ("red" if failed else "yellow")
    about = "" if finding.subject == HOST else f"{name_of(finding.subject)}: "
    words = line(
        (about, ink), shown(finding.message, 400), (f" · {finding.state}" if finding.state else "", "dim")
    )
    yield from hanging(words, width, 4, f"{sign} ", ink)
