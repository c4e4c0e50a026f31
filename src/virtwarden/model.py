"""What a scan says: findings with their evidence, gathered into outcomes and a report.

The words are XCCDF 1.2's results. All types are frozen values that msgspec writes to JSON and reads
back, so a report on disk and a report in memory are the same thing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from virtwarden.edits import Edit


class Result(StrEnum):
    """How a control came out for one subject."""

    PASS = "pass"  # noqa: S105  # a word, not a password
    FAIL = "fail"
    NOTAPPLICABLE = "notapplicable"
    UNKNOWN = "unknown"
    ERROR = "error"


WORST_FIRST = (Result.FAIL, Result.ERROR, Result.UNKNOWN, Result.PASS, Result.NOTAPPLICABLE)
_WORST_RANK = {result: rank for rank, result in enumerate(WORST_FIRST)}


class Severity(StrEnum):
    """How much a failing control matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the least severe, rising."""
        return _SEVERITY_RANK[self]


_SEVERITY_RANK = {Severity.INFO: 0, Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3}


class Safety(StrEnum):
    """What it takes to make a change: nothing, an interruption, or a person."""

    SAFE = "safe"
    DISRUPTIVE = "disruptive"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Document:
    """A thing that can be changed; `kind` is file, directory, domain, nwfilter, network, sysctl, unit, boolean,
    mapping."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == "file" else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of one document, and what it takes to make it."""

    document: Document
    edit: Edit
    safety: Safety = Safety.SAFE


@dataclass(frozen=True, slots=True)
class Subject:
    """What was judged: the host itself, a guest, a file, a bridge …"""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else self.kind


HOST = Subject("host")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where something was read, the text that decided it, and when.

    Either `path` (and `line`, counted from 1, when one line decided) or `argv` (and its exit `code`).
    """

    text: str
    path: str | None = None
    line: int | None = None
    argv: tuple[str, ...] = ()
    code: int | None = None
    at: datetime | None = None

    @property
    def where(self) -> str:
        """`file:line`, or the command with its exit code."""
        if self.argv:
            command = " ".join(self.argv)
            return command if self.code is None else f"{command} (exit {self.code})"
        if self.path is None:
            return ""
        return self.path if self.line is None else f"{self.path}:{self.line}"


class State(StrEnum):
    """Whether a finding speaks of what is configured or of what is running."""

    ON_DISK = "on disk"
    IN_FORCE = "in force"


@dataclass(frozen=True, slots=True)
class Finding:
    """How one control came out for one subject, why, and what would make it pass."""

    subject: Subject
    result: Result
    message: str
    fix: tuple[Change, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """A failure that the site accepts until the day `ends`, that day included.

    An empty `subject` stands for every subject of the control.
    """

    control: str
    reason: str
    owner: str
    ends: date
    subject: str = ""

    def covers(self, control: str, finding: Finding) -> bool:
        """Whether this waiver speaks of that finding."""
        return self.control == control and self.subject in ("", finding.subject.name, str(finding.subject))


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver that met a failure; `expired` ones excuse nothing."""

    waiver: Waiver
    expired: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """All findings of one control, with what a reader needs to know of the control."""

    control: str
    title: str
    chapter: str
    severity: Severity
    sections: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def result(self) -> Result:
        """The worst finding's result; `notapplicable` if there is none."""
        return worst(finding.result for finding in self.findings)

    def cut_short(self) -> Finding | None:
        """The finding that says that the control could not judge the whole host; None where it could."""
        unjudged = (Result.UNKNOWN, Result.ERROR)
        return next((f for f in self.findings if f.subject == HOST and f.result in unjudged), None)


def worst(results: Iterable[Result]) -> Result:
    """The result that decides: fail, then error, unknown, pass, notapplicable."""
    return min(results, key=_WORST_RANK.__getitem__, default=Result.NOTAPPLICABLE)


@dataclass(frozen=True, slots=True)
class Observation:
    """What an experiment on a live host showed: a claim, whether it holds, and what was seen.

    `holds` is None where it could not be tried or the probe was deaf; `seen` then says why.
    """

    claim: str
    holds: bool | None
    seen: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one scan found out about one host."""

    host: str
    source: str
    taken_at: datetime
    version: str
    profile: str
    outcomes: tuple[Outcome, ...]
    waivers: tuple[Waiver, ...] = ()
    format: int = field(default=1)

    def waived(self, control: str, finding: Finding) -> Waived | None:
        """The waiver that covers this failure, the one that ends last; None if the finding needs none."""
        if finding.result is not Result.FAIL:
            return None
        covering = [waiver for waiver in self.waivers if waiver.covers(control, finding)]
        if not covering:
            return None
        last = max(covering, key=lambda waiver: waiver.ends)
        return Waived(last, expired=last.ends < self.taken_at.date())

    def excused(self, control: str, finding: Finding) -> bool:
        """Whether a failure is accepted by a waiver that still holds."""
        waived = self.waived(control, finding)
        return waived is not None and not waived.expired

    def result_of(self, outcome: Outcome) -> Result:
        """An outcome's result with excused failures left out of account."""
        return worst(
            Result.PASS if self.excused(outcome.control, finding) else finding.result
            for finding in outcome.findings
        )

    def counts(self) -> Counter[Result]:
        """How many controls came out how, waivers taken into account."""
        return Counter(self.result_of(outcome) for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Activation:
    """What makes a running system take a changed document: `verb` is restart, reload, sysctl, audit-rules …, `what`
    it is done to, `note` what that means for those who use the host."""

    verb: str
    what: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.what}".strip()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One document and all edits of it, with the controls that ask for them.

    `path` is the file that holds the document, empty where it is none; `digest` is that of the text as it was
    planned on, empty where there was no text; `diff` shows the change without secrets. `activations` make a running
    system take it. `cuts` says that it can cut the way by which the host is managed.
    """

    document: Document
    edits: tuple[Edit, ...]
    controls: tuple[str, ...]
    safety: Safety
    path: str = ""
    digest: str = ""
    diff: str = ""
    activations: tuple[Activation, ...] = ()
    cuts: bool = False


@dataclass(frozen=True, slots=True)
class Unfixed:
    """A failure that a plan does not mend: why not, and the steps that a person can take."""

    control: str
    subject: Subject
    why: str
    steps: tuple[str, ...] = ()
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How a guest notices the change."""

    guest: str
    how: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """A failure that a plan mends. `when` says what has to happen besides before that shows; nothing if empty.
    `partly` says that the control could not judge all of the host when the plan was made."""

    control: str
    subject: Subject
    state: State | None = None
    when: str = ""
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change on one host to make failing controls pass, in order.

    `root` is the directory that the host's file system is mounted at; `/` for a running host.
    """

    host: str
    root: str
    made_at: datetime
    version: str
    profile: str
    policy: dict[str, object] = field(default_factory=dict)
    rewrites: tuple[Rewrite, ...] = ()
    unfixed: tuple[Unfixed, ...] = ()
    blast: tuple[Disturbance, ...] = ()
    expected: tuple[Expectation, ...] = ()
    format: int = field(default=1)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """What makes the running system take all of it, once each."""
        return tuple(dict.fromkeys(each for rewrite in self.rewrites for each in rewrite.activations))

    @property
    def complete(self) -> bool:
        """Whether nothing is left for a person to do."""
        return not self.unfixed

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that it serves, in its order."""
        return tuple(dict.fromkeys(control for rewrite in self.rewrites for control in rewrite.controls))
