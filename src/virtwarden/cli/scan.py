"""`virt-warden scan`: judges a host and reports on it."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.options import (
    add_choice,
    add_policy,
    add_source,
    chosen_controls,
    policy_of,
    require_guest,
    source_of,
)
from virtwarden.cli.output import deliver
from virtwarden.cli.parsing import Parser, parser
from virtwarden.controls import explanations
from virtwarden.host import Host
from virtwarden.model import Report, Result
from virtwarden.profiles import require_known
from virtwarden.report import FORMATS, Format, format_of, jsonreport
from virtwarden.report.layout import Detail, Style, style_for
from virtwarden.scan import about_guest, scan
from virtwarden.standards import Standard, standards

_DETAILS = {"brief": Detail.BRIEF, "normal": Detail.NORMAL, "full": Detail.FULL}


def run(words: list[str]) -> int:
    """Judge a host; the exit code says how it came out."""
    chosen = options().parse_args(words)
    form = _format(chosen)
    policy, profile = policy_of(chosen)
    controls = chosen_controls(chosen, profile)
    before = jsonreport.load(chosen.baseline) if chosen.baseline else None
    standard = _standard(chosen.standard) if chosen.standard else None
    with source_of(chosen) as source, _uncollected():
        host = Host(source, policy)
        report = scan(host, controls)
        if chosen.guest:
            require_guest(host, chosen.guest)
            report = about_guest(report, chosen.guest)
    if before is None:
        deliver(_told(report, form, standard, _style(chosen)), chosen.output)
        return exit_code(report)
    from virtwarden.report import compare  # noqa: PLC0415  # what draws text is imported where text is drawn

    only = {control.id for control in controls}
    before = replace(before, outcomes=tuple(o for o in before.outcomes if o.control in only))
    if chosen.guest:
        before = about_guest(before, chosen.guest)
    comparison = compare.compare(before, report)
    deliver((compare.render(comparison, _style(chosen)),), chosen.output)
    return code_of(entry.finding.result for entry in comparison.new)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage: a scan makes many small values, and all of them live to its end."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def exit_code(report: Report) -> int:
    """1 where a control failed, else 2 where one is unknown or an error, else 0."""
    return code_of(report.counts())


def code_of(results: Iterable[Result]) -> int:
    """The exit code that these results ask for."""
    found = set(results)
    if Result.FAIL in found:
        return FAILED
    return UNKNOWN if found & {Result.UNKNOWN, Result.ERROR} else PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("scan", "Judge a host. Exit code: 0 all pass, 1 some fail, 2 some unknown, 3 wrong usage.")
    add_source(made)
    add_policy(made)
    choice = add_choice(made)
    choice.add_argument("--baseline", metavar="REPORT", help="fail only on what this JSON report does not have")
    told = made.add_argument_group("how it is told")
    told.add_argument("--format", choices=sorted(FORMATS), help="default: by the file's name, else text")
    told.add_argument("--output", metavar="FILE", help="write the report to a file")
    told.add_argument("--standard", metavar="ID", help="by the requirements of a standard (text and json)")
    told.add_argument("--detail", choices=list(_DETAILS), default="normal", help="how much the text says")
    return made


def _format(chosen: argparse.Namespace) -> Format:
    named = FORMATS.get(chosen.format) or (format_of(chosen.output) if chosen.output else None)
    form = named or FORMATS["text"]
    if chosen.standard and form.name not in ("text", "json"):
        raise UsageError(f"--standard gives text or json, not {form.name}")
    if chosen.baseline and (chosen.standard or form.name != "text"):
        raise UsageError("--baseline gives text; it goes with no other format and no standard")
    return form


def _standard(name: str) -> Standard:
    known = {standard.id: standard for standard in standards()}
    require_known(name, list(known), "standard")
    return known[name]


def _style(chosen: argparse.Namespace) -> Style:
    detail = _DETAILS[chosen.detail]
    return Style(detail=detail) if chosen.output else style_for(sys.stdout, detail=detail)


def _told(report: Report, form: Format, standard: Standard | None, style: Style) -> Iterable[str]:
    if standard is not None:
        from virtwarden.report import groups  # noqa: PLC0415

        return (
            groups.as_json(report, standard) if form.name == "json" else groups.render(report, standard, style),
        )
    if form.name == "text":
        from virtwarden.report.text import render  # noqa: PLC0415

        return (render(report, style),)
    return form.pieces(report, explanations())
