"""The words that readable reports share: numbers, subjects, fixes, waivers and times as people say them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from virtwarden.edits import describe
from virtwarden.model import HOST, Change, Evidence, Finding, Result, Safety, Severity, Subject, Unfixed, Waived
from virtwarden.report.digest import NOT_TOLD, Digest
from virtwarden.report.visible import shown, visible_lines

RESULT_WORDS = {
    Result.FAIL: "fail",
    Result.ERROR: "error",
    Result.UNKNOWN: "unknown",
    Result.PASS: "pass",
    Result.NOTAPPLICABLE: "not applicable",
}

NOTHING = Finding(
    HOST, Result.NOTAPPLICABLE, "there is nothing on this host for it to judge"
)  # of an empty outcome

_SAFETY_WORDS = {Safety.SAFE: "", Safety.DISRUPTIVE: " (disruptive)", Safety.MANUAL: " (by hand)"}
_NAME_LIMIT = 120
_HISSING = ("s", "x", "z", "ch", "sh")


def count(number: int, thing: str) -> str:
    """A number and its thing: `1 guest`, `1,997 guests`."""
    return f"{number:,} {thing if number == 1 else plural(thing)}"


def plural(noun: str) -> str:
    """The plural of one of our nouns; of a phrase, of its last word."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_HISSING) else f"{noun}s"


def name_of(subject: Subject) -> str:
    """The subject, made safe to show: `guest web`, `host`."""
    return shown(str(subject), _NAME_LIMIT)


def subjects(findings: Sequence[Finding | Unfixed], limit: int) -> str:
    """Who a group of findings is about: `guests web, db, mail and 1,997 more`."""
    named = [*dict.fromkeys(finding.subject for finding in findings)]
    kinds = {subject.kind for subject in named}
    if len(named) == 1 or len(kinds) > 1:
        said = [name_of(subject) for subject in named[:limit]]
    else:
        said = [shown(subject.name or subject.kind, _NAME_LIMIT) for subject in named[:limit]]
        said[0] = f"{shown(plural(kinds.pop()), _NAME_LIMIT)} {said[0]}"
    rest = len(named) - len(said)
    return joined([*said, f"{rest:,} more"] if rest else said)


def joined(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def change_lines(change: Change) -> list[str]:
    """A change in words, the first line beginning with its document."""
    first, *rest = visible_lines(describe(change.edit))
    where = shown(str(change.document).strip(), _NAME_LIMIT)
    return [f"{where}: {first}{_SAFETY_WORDS[change.safety]}", *rest]


def distinct_changes(findings: Iterable[Finding]) -> list[Change]:
    """The changes that these findings ask for, each once."""
    return [*dict.fromkeys(change for finding in findings for change in finding.fix)]


def evidence_place(evidence: Evidence, limit: int) -> str:
    """Where it was read, safe to show."""
    return shown(evidence.where, limit)


def waiver_words(waived: Waived) -> str:
    """What a waiver says: until when, by whom and why; of an expired one, that it excuses nothing."""
    waiver = waived.waiver
    owner, reason = shown(waiver.owner, _NAME_LIMIT), shown(waiver.reason, 500)
    if waived.expired:
        return f"the waiver of {owner} ended on {waiver.ends.isoformat()} and excuses nothing: {reason}"
    return f"waived until {waiver.ends.isoformat()} by {owner}: {reason}"


def moment(at: datetime) -> str:
    """A time as people write it, in UTC, to the minute."""
    return utc(at).strftime("%Y-%m-%d %H:%M UTC")


def utc(at: datetime) -> datetime:
    """The same moment in UTC; one at the end of the calendar, which a report may claim, stays as it is."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return at.replace(tzinfo=UTC)


def verdict(whole: Digest) -> str:
    """How the host stands, in a few plain sentences."""
    failing, untold = whole.counts[Result.FAIL], sum(whole.counts[result] for result in NOT_TOLD)
    said = []
    if failing:
        by_severity = whole.severities(Result.FAIL)
        kinds = [f"{by_severity[severity]} {severity}" for severity in Severity if by_severity[severity]]
        verb = "fails" if failing == 1 else "fail"
        said.append(f"{count(failing, 'control')} of {whole.counts.total()} {verb}: {joined(kinds)} in severity.")
    elif not untold:
        said.append("Every control that applies passes." if whole.counts[Result.PASS] else "No control applies.")
    if untold:
        said.append(f"{count(untold, 'control')} could not be told from here.")
    excused = sum(len(group.findings) for _, group in whole.waived if group.excused)
    if excused:
        said.append(f"{count(excused, 'failure')} {'is' if excused == 1 else 'are'} waived.")
    if expired := {group.waived.waiver for _, group in whole.waived if group.waived and group.waived.expired}:
        said.append(f"{count(len(expired), 'waiver')} {'has' if len(expired) == 1 else 'have'} expired.")
    return " ".join(said)
