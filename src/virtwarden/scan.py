"""Judging a host: every control is run, and none ever drops out of the report.

What a check raises becomes a finding, and the findings it made before are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from virtwarden import __version__
from virtwarden.control import Control
from virtwarden.facts import every_further_want, every_want
from virtwarden.facts.guests import Guests
from virtwarden.facts.identity import Identity
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Unknown
from virtwarden.model import HOST, Evidence, Finding, Outcome, Report, Result, Waiver

_OF_GUESTS = ("guest", "interface")
"""Kinds of subject whose names begin with a guest's."""


def scan(host: Host, controls: Sequence[Control]) -> Report:
    """Run these controls on a host, by the policy among its facts."""
    host.source.fetch(every_want())
    host.source.fetch(every_further_want(host))
    policy = host.get(Policy)
    return Report(
        host=host_name(host),
        source=host.source.name,
        taken_at=host.taken_at,
        version=__version__,
        profile=policy.profile,
        outcomes=tuple(judge(control, host) for control in controls),
        waivers=tuple(
            Waiver(entry.control, entry.reason, entry.owner, entry.ends, entry.subject) for entry in policy.waiver
        ),
    )


def judge(control: Control, host: Host) -> Outcome:
    """Run one control."""
    findings: list[Finding] = []
    try:
        for finding in control.check(host):
            findings.append(finding)  # noqa: PERF402  # one by one: those made before a refusal are kept
    except Absent as absent:
        findings.append(Finding(HOST, Result.NOTAPPLICABLE, str(absent), evidence=absent.evidence))
    except Unknown as refused:
        findings.append(Finding(HOST, Result.UNKNOWN, str(refused), evidence=refused.evidence))
    except Exception as defect:  # a defect in one control must not cost the others
        findings.append(_error(defect))
    if not findings:
        findings.append(Finding(HOST, Result.NOTAPPLICABLE, "there is nothing on this host for it to judge"))
    return Outcome(control.id, control.title, control.chapter, control.severity, control.sections, tuple(findings))


def about_guest(report: Report, name: str) -> Report:
    """The report with only what it says of one guest; outcomes that do not speak of it are left out."""
    narrowed = (
        replace(outcome, findings=tuple(f for f in outcome.findings if _is_about(f, name)))
        for outcome in report.outcomes
    )
    return replace(report, outcomes=tuple(outcome for outcome in narrowed if outcome.findings))


def guest_names(host: Host) -> list[str]:
    """The names of all guests that could be read. Raises `Absent` or `Unknown`."""
    return [guest.name for guest in host.get(Guests).guests]


def _error(defect: Exception) -> Finding:
    trace = defect.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    line = None if trace is None else trace.tb_lineno
    message = f"a defect in virt-warden kept this from being judged: {type(defect).__name__}: {defect}"
    return Finding(HOST, Result.ERROR, message, evidence=(Evidence("raised here", path=where, line=line),))


def _is_about(finding: Finding, name: str) -> bool:
    kind, of = finding.subject.kind, finding.subject.name
    return kind in _OF_GUESTS and (of == name or of.startswith((f"{name} ", f"{name}/")))


def host_name(host: Host) -> str:
    """What the host calls itself; the name of its source where that cannot be told."""
    try:
        return host.get(Identity).name
    except (Absent, Unknown):
        return host.source.name
