"""Every audit rule on disk can be loaded and can match.

The load stops at the first rule that the kernel refuses, and all rules behind it are missing without a word
in the log. The blueprint's own listing has such lines: a rule that stands twice, rules for directories that
its other chapters create only later, and, printed, rules with lost hyphens. Worse are rules that load and can
never match: a `subj_type` or `obj_type` on a host without SELinux is taken and stays silent for ever.

Judged: each line of the rules files as auditctl reads it; rules that repeat an earlier one and directories
that do not exist, unless `-c` or `-i` lets the load go on; SELinux types on hosts without SELinux.

Fix: mend or remove the lines that the finding names, then `augenrules --load`.

Proof: `augenrules --load` ends with 0 and `auditctl -l` lists every rule; each key, fired once, is found in
the log.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.audit import AuditRules, RulesFile
from virtwarden.facts.audit_places import RuleDirectories, directory_of
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, State, Subject

_SELINUX_FIELDS = ("subj_type", "obj_type", "subj_user", "obj_user", "obj_role")


def check(host: Host) -> Findings:
    rules = host.get(AuditRules)
    files = rules.written
    if not any(file.rules.rules or file.rules.broken for file in files):
        yield notapplicable(HOST, "there are no audit rules on this host", state=State.ON_DISK)
        return
    directories = host.get(RuleDirectories)
    repeated = _repeated(rules)
    for file in files:
        wrong = sorted(_problems(file, rules, directories, repeated), key=lambda found: found[0])
        subject = Subject("file", file.text.path)
        if not wrong and directories.refused is None:
            about = file.text.cite(text=f"{len(file.rules.rules)} rules")
            yield passed(subject, "every rule can be loaded and can match", about, state=State.ON_DISK)
        for line, reason in wrong:
            change = by_hand(
                Document("file", file.text.path), f"mend or remove line {line}, then augenrules --load"
            )
            yield failed(subject, reason, change, evidence=[file.cite(line)], state=State.ON_DISK)
        if not wrong and directories.refused is not None:
            message = f"whether the directories of its rules exist: {directories.refused}"
            yield unknown(subject, message, *directories.refused.evidence, state=State.ON_DISK)


def _problems(
    file: RulesFile, rules: AuditRules, directories: RuleDirectories, repeated: frozenset[tuple[str, int]]
) -> Iterator[tuple[int, str]]:
    for broken in file.rules.broken:
        yield broken.line, f"auditctl refuses this line: {broken.reason}"
    stops = not any(each.rules.control(option) for each in rules.written for option in ("-c", "-i"))
    for rule in file.rules.rules:
        if stops and (file.text.path, rule.line) in repeated:
            yield rule.line, "the rule stands there twice; the load stops here"
        if stops and directory_of(rule) in directories.missing:
            yield rule.line, f"{directory_of(rule)} does not exist; the load stops here"
        types = [name for name in _SELINUX_FIELDS if rule.all_of(name)]
        if types and rules.lsm in ("apparmor", "none"):
            yield rule.line, f"{types[0]} can never match: this host does not run SELinux"


def _repeated(rules: AuditRules) -> frozenset[tuple[str, int]]:
    seen: set[Rule] = set()
    twice: set[tuple[str, int]] = set()
    for file, rule in rules.in_order():
        if rule.verb == "delete":
            continue
        if rule in seen:
            twice.add((file.text.path, rule.line))
        seen.add(rule)
    return frozenset(twice)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("audit-rules-file", "audit-exclusions", "sample-audit-rules"),
    check=check,
)
