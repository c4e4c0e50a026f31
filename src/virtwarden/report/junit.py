"""A report as JUnit XML, for build servers: a suite a chapter, a test case a finding.

What could not be told is an `error` and never a passed test; what a waiver accepts is `skipped`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from virtwarden.model import Finding, Outcome, Report, Result
from virtwarden.report.digest import Chapter, Judged, digest
from virtwarden.report.phrases import NOTHING, change_lines, evidence_place, moment, name_of, waiver_words
from virtwarden.report.visible import shown, visible_lines

_MESSAGE = 2000


def pieces(report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report as XML text."""
    del explanations  # a failure carries its own message, evidence and fix
    chapters = digest(report).chapters
    total = Counter[str]()
    for chapter in chapters:
        total += _tally(chapter)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites{_attributes(name='virt-warden', **_numbers(total, 'tests', 'failures', 'errors'))}>\n"
    for chapter in chapters:
        yield from _suite(report, chapter)
    yield "</testsuites>\n"


def _suite(report: Report, chapter: Chapter) -> Iterator[str]:
    about = {
        "name": shown(chapter.title, _MESSAGE),
        **_numbers(_tally(chapter), "tests", "failures", "errors", "skipped"),
        "timestamp": report.taken_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "hostname": shown(report.host, _MESSAGE),
    }
    yield f"  <testsuite{_attributes(**about)}>\n"
    for control in chapter.controls:
        yield "".join(_cases(report, control))
    yield "  </testsuite>\n"


def _cases(report: Report, control: Judged) -> Iterator[str]:
    outcome = control.outcome
    classname = shown(f"{outcome.chapter}.{outcome.control}", _MESSAGE)
    named = Counter[str]()
    for finding in outcome.findings or (NOTHING,):
        name = f"{name_of(finding.subject)} ({finding.state})" if finding.state else name_of(finding.subject)
        named[name] += 1
        if named[name] > 1:
            name = f"{name} #{named[name]}"
        body = _verdict(report, outcome, finding)
        start = f"    <testcase{_attributes(classname=classname, name=name)}"
        yield f"{start}>{body}</testcase>\n" if body else f"{start}/>\n"


def _verdict(report: Report, outcome: Outcome, finding: Finding) -> str:
    message = shown(finding.message, _MESSAGE)
    waived = report.waived(outcome.control, finding)
    match finding.result:
        case Result.PASS:
            return ""
        case Result.NOTAPPLICABLE:
            return f"<skipped{_attributes(message=message)}/>"
        case Result.FAIL if waived and not waived.expired:
            return f"<skipped{_attributes(message=f'{message}; {waiver_words(waived)}')}/>"
    element = "failure" if finding.result is Result.FAIL else "error"
    kind = outcome.severity if finding.result is Result.FAIL else finding.result
    details = [f"{outcome.title}: {message}", *_details(finding)]
    if waived:
        details.append(waiver_words(waived))
    text = "\n".join(escape(line) for detail in details for line in visible_lines(detail))
    return f"<{element}{_attributes(type=kind, message=message)}>{text}</{element}>"


def _details(finding: Finding) -> Iterator[str]:
    for evidence in finding.evidence:
        read = f" (read {moment(evidence.at)})" if evidence.at else ""
        told = ": ".join(filter(None, (evidence_place(evidence, _MESSAGE), shown(evidence.text, _MESSAGE))))
        yield f"{told}{read}"
    for change in finding.fix:
        yield "fix: " + "\n     ".join(shown(line, _MESSAGE) for line in change_lines(change))


def _tally(chapter: Chapter) -> Counter[str]:
    tally = Counter[str]()
    for control in chapter.controls:
        for group in control.groups:
            number = len(group.findings)
            tally["tests"] += number
            if group.result is Result.NOTAPPLICABLE or group.excused:
                tally["skipped"] += number
            elif group.result is Result.FAIL:
                tally["failures"] += number
            elif group.result is not Result.PASS:
                tally["errors"] += number
        if not control.groups:
            tally["tests"] += 1
            tally["skipped"] += 1
    return tally


def _numbers(tally: Counter[str], *names: str) -> dict[str, str]:
    return {name: str(tally[name]) for name in names}


def _attributes(**values: str) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())
