"""Every audit rule on disk can be loaded and can match.

The load stops at the first rule that the kernel refuses, and all rules behind it are missing without a word
in the log. The blueprint's own listing has such lines: a rule that stands twice, rules for directories that
its other chapters create only later, and, printed, rules with lost hyphens. Worse are rules that load and can
never match: a `subj_type` or `obj_type` on a host without SELinux is taken and stays silent for ever, and a rule
behind one that matches whatever it asks for is never reached.

Judged: what `virt-warden audit rules lint` calls an error: lines that auditctl refuses, rules that repeat an earlier
one, directories that do not exist (unless `-c` or `-i` lets the load go on), SELinux types on hosts without
SELinux, rules and exceptions that an earlier rule leaves nothing to, locks and deletions in the wrong place. On hosts
with SELinux, whether its policy is known to have the types that rules name: one that it does not have makes a rule
that never matches, neither with `=` nor with `!=`. What the policy's file contexts do not show is `unknown`.

Fix: mend or remove the lines that the finding names; `virt-warden audit rules lint` tells what should stand there.
Then `augenrules --load`.

Proof: `augenrules --load` ends with 0 and `auditctl -l` lists every rule; each key, fired once, is found in
the log.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.audit import AuditRules
from virtwarden.facts.audit_actors import PolicyTypes
from virtwarden.facts.audit_places import RuleDirectories
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Finding, Severity, State, Subject
from virtwarden.ruleset.lint import Line, Weight, lint
from virtwarden.ruleset.surroundings import around, texts_of


def check(host: Host) -> Findings:
    files = host.get(AuditRules).written
    if not any(file.rules.rules or file.rules.broken for file in files):
        yield notapplicable(HOST, "there are no audit rules on this host", state=State.ON_DISK)
        return
    directories = host.get(RuleDirectories)
    texts = texts_of(host)
    wrong = lint(texts, around(host, (text for _, text in texts)))
    for file in files:
        subject = Subject("file", file.text.path)
        reasons = [each for line in wrong if line.path == file.text.path for each in _errors(line)]
        for number, reason in reasons:
            steps = f"put line {number} right, as virt-warden audit rules lint tells; then augenrules --load"
            change = by_hand(Document("file", file.text.path), steps)
            yield failed(subject, reason, change, evidence=[file.cite(number)], state=State.ON_DISK)
        if not reasons and directories.refused is not None:
            message = f"whether the directories of its rules exist: {directories.refused}"
            yield unknown(subject, message, *directories.refused.evidence, state=State.ON_DISK)
        elif not reasons:
            about = file.text.cite(text=f"{len(file.rules.rules)} rules")
            yield passed(subject, "every rule can be loaded and can match", about, state=State.ON_DISK)
    yield from _untold_types(host, host.get(AuditRules))


def _errors(line: Line) -> list[tuple[int, str]]:
    return [(line.number, remark.why) for remark in line.remarks if remark.weight is Weight.ERROR]


def _untold_types(host: Host, rules: AuditRules) -> Iterator[Finding]:
    """Types that the policy may not have, with the lines that name them first."""
    try:
        known = host.get(PolicyTypes).types or frozenset()
    except Absent:
        return
    except Unknown:
        known = frozenset()
    named: dict[str, Evidence] = {}
    for file, rule in rules.in_order():
        for each in rule.fields:
            if each.name in _TYPES and each.value not in known:
                named.setdefault(each.value, file.cite(rule.line))
    if named:
        message = f"whether the policy has {', '.join(named)}: rules that name a type it does not have never match"
        yield unknown(HOST, message, *list(named.values())[:5], state=State.ON_DISK)


_TYPES = ("subj_type", "obj_type")


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("audit-rules-file", "audit-exclusions", "sample-audit-rules"),
    check=check,
)
