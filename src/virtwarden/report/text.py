"""The report for a terminal: calm, by chapter, the worst first, and no longer than a reader has patience for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from virtwarden.model import HOST, WORST_FIRST, Evidence, Finding, Report, Result
from virtwarden.report.digest import NOT_TOLD, Chapter, Digest, Group, Judged, both_states, digest
from virtwarden.report.layout import Detail, Style
from virtwarden.report.lines import Line, cornered, cut, hanging, line, printed, trailed
from virtwarden.report.phrases import (
    NOTHING,
    RESULT_WORDS,
    change_lines,
    count,
    distinct_changes,
    evidence_place,
    joined,
    moment,
    name_of,
    subjects,
    verdict,
    waiver_words,
)
from virtwarden.report.visible import shown, visible_lines

SIGNS = {
    Result.FAIL: "✗", Result.ERROR: "!", Result.UNKNOWN: "?", Result.PASS: "✓", Result.NOTAPPLICABLE: "-",
}  # fmt: skip
_SHADES = {
    Result.FAIL: "█", Result.ERROR: "▓", Result.UNKNOWN: "▒", Result.PASS: "░", Result.NOTAPPLICABLE: "·",
}  # fmt: skip
INKS = {
    Result.FAIL: "red", Result.ERROR: "magenta", Result.UNKNOWN: "yellow", Result.PASS: "green",
    Result.NOTAPPLICABLE: "dim",
}  # fmt: skip
_BAR = 64
_LIKEWISE = "and likewise for the others"
_AS_ABOVE = ["as above"]


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many of each are shown before the rest becomes a number."""

    groups: int
    subjects: int
    evidence: int
    fix_lines: int
    message: int
    text: int


_LIMITS = {
    Detail.BRIEF: _Limits(groups=1, subjects=3, evidence=0, fix_lines=0, message=200, text=0),
    Detail.NORMAL: _Limits(groups=4, subjects=3, evidence=3, fix_lines=4, message=400, text=200),
    Detail.FULL: _Limits(groups=50, subjects=30, evidence=10, fix_lines=40, message=4000, text=4000),
}


def pieces(report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report as plain text of 100 columns, for a file."""
    del explanations  # a reader of the text asks `virt-warden explain`
    yield render(report)


def render(report: Report, style: Style | None = None) -> str:
    """The report as text of this style."""
    style = style or Style()
    return printed(_lines(digest(report), style), style)


def _lines(whole: Digest, style: Style) -> Iterator[Line]:
    yield from _head(whole, style.width)
    for chapter in whole.chapters:
        if set(chapter.counts) != {Result.NOTAPPLICABLE}:
            yield from _chapter(chapter, style)
    yield from _not_applicable(whole, style)
    yield from _closing(whole, style.width)


def _head(whole: Digest, width: int) -> Iterator[Line]:
    report = whole.report
    host, source = shown(report.host, 80), shown(report.source, 200)
    about = [source] if source != host else []
    about += [moment(report.taken_at), f"profile {shown(report.profile, 80)}"]
    yield from cornered(line((host, "bold")), line((f"virt-warden {shown(report.version, 40)}", "dim")), width)
    yield from hanging(line((" · ".join(about), "dim")), width, 0)
    yield line()
    yield _bar(whole.counts, min(width, _BAR))
    tally = line()
    for result in WORST_FIRST:
        if number := whole.counts[result]:
            tally.append(f"{_SHADES[result]} ", INKS[result])
            tally.append(f"{number} {RESULT_WORDS[result]}   ")
    yield from hanging(tally, width, 0)
    yield line()
    yield from hanging(line(verdict(whole)), width, 0)


def _bar(counts: Counter[Result], width: int) -> Line:
    """One bar of all controls; every result that occurs has at least one cell of it."""
    total = counts.total()
    cells = {result: max(1, round(counts[result] * width / total)) for result in WORST_FIRST if counts[result]}
    if cells:
        longest = max(cells, key=lambda result: cells[result])
        cells[longest] += width - sum(cells.values())
    return line(*((_SHADES[result] * number, INKS[result]) for result, number in cells.items()))


def _chapter(chapter: Chapter, style: Style) -> Iterator[Line]:
    told = [f"{chapter.counts[result]} {RESULT_WORDS[result]}" for result in WORST_FIRST if chapter.counts[result]]
    yield line()
    yield line()
    title = line((shown(chapter.title, 80), "bold"))
    yield from cornered(title, line((" · ".join(told), "dim")), style.width, "─")
    compact = [control for control in chapter.controls if control.result is Result.PASS]
    for control in chapter.controls:
        if control.result in (Result.FAIL, *NOT_TOLD):
            yield line()
            yield from _control(control, style)
    if compact:
        yield line()
        yield from _passing(compact, style)


def _control(control: Judged, style: Style) -> Iterator[Line]:
    outcome, limits = control.outcome, _LIMITS[style.detail]
    ink = INKS[control.result]
    left = line("  ", (f"{SIGNS[control.result]} ", ink), (shown(control.id, 80), "bold"))
    right = line((RESULT_WORDS[control.result], ink), (f" · {outcome.severity}", "dim"))
    yield from cornered(left, right, style.width)
    yield from hanging(line(shown(outcome.title, 300)), style.width, 4)
    telling = both_states(control.of(Result.FAIL, *NOT_TOLD))
    told: list[str] = []
    for groups in telling[: limits.groups]:
        if style.detail is not Detail.BRIEF:
            yield line()
        fix = _fix_lines(groups)
        yield from _group(groups, style, _AS_ABOVE if fix and fix == told else fix, control.result)
        told = fix
    if rest := telling[limits.groups :]:
        if style.detail is not Detail.BRIEF:
            yield line()
        more = count(sum(len(group.findings) for groups in rest for group in groups), "more finding")
        yield line("    ", (f"and {more}", "dim"))
    if style.detail is Detail.FULL:
        for groups in both_states(control.of(Result.PASS, Result.NOTAPPLICABLE)):
            yield line()
            yield from _group(groups, style, _fix_lines(groups), control.result)
    elif others := _others(control):
        yield line("    ", (others, "dim"))


def _others(control: Judged) -> str:
    counted = Counter[Result]()
    for group in control.of(Result.PASS, Result.NOTAPPLICABLE):
        counted[group.result] += len(group.findings)
    said = [f"{number:,} {RESULT_WORDS[result]}" for result, number in counted.items()]
    return f"others: {' · '.join(said)}" if said else ""


def _passing(controls: Sequence[Judged], style: Style) -> Iterator[Line]:
    sign = (f"{SIGNS[Result.PASS]} ", INKS[Result.PASS])
    if style.detail is Detail.BRIEF:
        ids = ", ".join(shown(control.id, 80) for control in controls)
        yield from hanging(line((ids, "dim")), style.width, 2, *sign)
        return
    column = min(max(len(control.id) for control in controls), style.width // 2)
    for control in controls:
        title = (shown(control.outcome.title, 300), "dim")
        yield cut(line(sign, f"{shown(control.id, 80):<{column}}  ", title), style.width, 2)
        for groups in both_states(control.groups):
            if groups[0].waived or style.detail is Detail.FULL:
                yield from _group(groups, style, _fix_lines(groups), control.result)


def _group(groups: tuple[Group, ...], style: Style, fix: list[str], whole: Result) -> Iterator[Line]:
    limits, group = _LIMITS[style.detail], groups[0]
    yield from _said(groups, style, "" if group.excused or group.result is whole else f"{SIGNS[group.result]} ")
    if group.waived:
        ink = "red" if group.waived.expired else "cyan"
        yield from hanging(line((waiver_words(group.waived), ink)), style.width, 6)
    shared = -(-limits.evidence // len(groups))
    cited = [each for member in groups for each in _cited(member, limits.evidence)[:shared]]
    for each in [*dict.fromkeys(cited)][: limits.evidence]:
        yield from _evidence(each, style)
    if not group.excused and limits.fix_lines:
        yield from _fix(fix, style)


def _cited(group: Group, limit: int) -> list[Evidence]:
    evidence = (each for finding in group.findings[:limit] for each in finding.evidence)
    return [*dict.fromkeys(evidence)]


def _said(groups: tuple[Group, ...], style: Style, sign: str) -> Iterator[Line]:
    """What a group says; with a sign where it came out otherwise than the whole control."""
    group = groups[0]
    limits, ink = _LIMITS[style.detail], INKS[group.effective]
    states = sorted(member.state for member in groups if member.state)
    state = line((f" · {joined(states[::-1])}" if states else "", "dim"))
    about_several = len({finding.subject for finding in group.findings}) > 1
    if group.same_words and about_several:
        words = line((sign, ink), shown(group.first.message, limits.message))
        yield from trailed(words, state, style.width, 4)
        yield from hanging(line((subjects(group.findings, limits.subjects), ink)), style.width, 6)
        return
    told = group.findings[:1] if group.same_words else group.findings
    for finding in told[: limits.subjects]:
        about = "" if _names_itself(finding) else f"{name_of(finding.subject)}: "
        words = line((f"{sign}{about}", ink), shown(finding.message, limits.message))
        yield from trailed(words, state, style.width, 4)
    if rest := told[limits.subjects :]:
        words = line((f"and {len(rest):,} more that say the same: {subjects(rest, 3)}", "dim"))
        yield from hanging(words, style.width, 4)


def _names_itself(finding: Finding) -> bool:
    return finding.subject == HOST or finding.message.startswith(f"{finding.subject}: ")


def _evidence(evidence: Evidence, style: Style) -> Iterator[Line]:
    where = evidence_place(evidence, 300)
    lines = [each for each in visible_lines(evidence.text[:4000].replace("\t", " ")) if each.strip()]
    text = " ".join(lines[0].split()) if lines else ""
    more = " …" if len(lines) > 1 else ""
    read = f"  read {moment(evidence.at)}" if evidence.at and style.detail is Detail.FULL else ""
    if len(where) + len(text) + len(more) + len(read) + 8 <= style.width or not text:
        yield cut(line((where, "cyan"), f"  {text}{more}" if text else "", (read, "dim")), style.width, 6)
        return
    yield cut(line((where, "cyan"), (read, "dim")), style.width, 6)
    yield from hanging(line(shown(f"{text}{more}", _LIMITS[style.detail].text)), style.width, 8)


def _fix_lines(groups: tuple[Group, ...]) -> list[str]:
    """The fix of the first finding, which is as a rule that of all; and of the first in another state."""
    changes = distinct_changes(group.first for group in groups)
    lines = [each for change in changes for each in change_lines(change)]
    others = any(finding.fix != group.first.fix for group in groups for finding in group.findings)
    return [*lines, _LIKEWISE] if lines and others else lines


def _fix(lines: list[str], style: Style) -> Iterator[Line]:
    limit = _LIMITS[style.detail].fix_lines
    told = [words for words in lines if words != _LIKEWISE]
    for place, words in enumerate(told[:limit]):
        first = "fix  " if place == 0 else "     "
        yield from hanging(line(shown(words, 400)), style.width, 6, first, "green")
    if len(told) > limit:
        yield line(" " * 11, (f"and {count(len(told) - limit, 'more line')}", "dim"))
    if _LIKEWISE in lines:
        yield line(" " * 11, (_LIKEWISE, "dim"))


def _not_applicable(whole: Digest, style: Style) -> Iterator[Line]:
    """Controls that do not apply: those with the same reason in one sentence, the others each on a line."""
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for control in whole.controls:
        if control.result is Result.NOTAPPLICABLE:
            by_reason[_reason(control)].append(shown(control.id, 80))
    if not by_reason:
        return
    yield line()
    yield line()
    told = f"{whole.counts[Result.NOTAPPLICABLE]} {RESULT_WORDS[Result.NOTAPPLICABLE]}"
    yield from cornered(line(("Does not apply", "bold")), line((told, "dim")), style.width, "─")
    yield line()
    for reason, ids in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        if len(ids) > 1:
            yield from _same_reason(reason, ids, style)
    yield from _own_reasons({ids[0]: reason for reason, ids in by_reason.items() if len(ids) == 1}, style)


def _same_reason(reason: str, ids: list[str], style: Style) -> Iterator[Line]:
    words = line(f"{count(len(ids), 'control')} do not apply: {reason}")
    yield from hanging(words, style.width, 2, f"{SIGNS[Result.NOTAPPLICABLE]} ", "dim")
    if len(ids) <= 3 or style.detail is Detail.FULL:
        yield from hanging(line((", ".join(ids), "dim")), style.width, 4)


def _own_reasons(reasons: Mapping[str, str], style: Style) -> Iterator[Line]:
    sign = (f"{SIGNS[Result.NOTAPPLICABLE]} ", "dim")
    if style.detail is Detail.BRIEF and reasons:
        yield from hanging(line((", ".join(reasons), "dim")), style.width, 2, *sign)
        return
    column = min(max(map(len, reasons), default=0), style.width // 2)
    for id_, reason in reasons.items():
        if style.detail is Detail.FULL:
            yield from hanging(line((reason, "dim")), style.width, 2, f"{sign[0]}{id_:<{column}}  ")
        else:
            yield cut(line(sign, f"{id_:<{column}}  ", (reason, "dim")), style.width, 2)


def _reason(control: Judged) -> str:
    reasons = [*dict.fromkeys(shown(finding.message, 300) for finding in _first_of_each(control))]
    return "; ".join(reasons[:3]) or NOTHING.message


def _first_of_each(control: Judged) -> list[Finding]:
    return [group.first for group in control.groups]


def _closing(whole: Digest, width: int) -> Iterator[Line]:
    yield line()
    yield line()
    first = whole.worst
    if first is None:
        yield from hanging(line("Every control in full: ", ("virt-warden controls", "bold")), width, 0)
        return
    asked = line("Why it matters and what to do: ", (f"virt-warden explain {shown(first.id, 80)}", "bold"))
    yield from hanging(asked, width, 0)
