"""Audit rules watch libvirt's settings, keys, images, programs and runtime files.

The blueprint's rules did that for RHEL 6: one emulator path, one daemon, the certificates of two directories.
Files have moved since, daemons have multiplied, and its most costly rule recorded every write of every guest.
What matters is that each thing that exists on this host is watched.

Judged: for every file and directory of the list that exists here, whether some rule on disk records the ways
of access that matter (writes, reads of private keys, starts of programs by people).

Fix: rules for what is missing, in a file of our own in rules.d, with the blueprint's keys.

Proof: each rule is fired once, harmlessly, and its record is found by its key.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import AddLine
from virtwarden.facts.audit import AuditRules, RulesFile
from virtwarden.facts.audit_places import AuditPlaces, Watched
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Host, Stat, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Finding, Severity, State, Subject

_OWN = "/etc/audit/rules.d/45-virtwarden-virt.rules"


def check(host: Host) -> Findings:
    rules, home = list(_recording(host.get(AuditRules))), host.get(AuditRules).home_of(_OWN)
    watched = host.get(AuditPlaces).watched
    for each, stat in watched.items():
        if isinstance(stat, Unknown):
            yield unknown(Subject("file", each.path), str(stat), *stat.evidence, state=State.ON_DISK)
        else:
            yield _judged(each, stat, rules, home)
    if not watched:
        yield notapplicable(HOST, "there is no libvirt here to watch", state=State.ON_DISK)


def _judged(each: Watched, stat: Stat, rules: list[tuple[RulesFile, Rule]], home: str) -> Finding:
    subject = Subject("file", each.path)
    covering = [(file, rule) for file, rule in rules if _covers(rule, each, stat)]
    if covering:
        evidence = [file.cite(rule.line) for file, rule in covering[:3]]
        return passed(subject, f"a rule on disk records {_words(each.perm)}", *evidence, state=State.ON_DISK)
    change = file_change(home, AddLine(_rule(each, stat)))
    message = f"no rule records {_words(each.perm)}"
    return failed(subject, message, change, evidence=[stat.cite()], state=State.ON_DISK)


def _recording(rules: AuditRules) -> Iterator[tuple[RulesFile, Rule]]:
    for file, rule in rules.in_order():
        if rule.action == "always" and rule.list == "exit" and rule.target and rule.verb != "delete":
            yield file, rule


def _covers(rule: Rule, each: Watched, stat: Stat) -> bool:
    target = (rule.target or "").rstrip("/")
    whole_tree = rule.get("path") is None
    names = {each.path, stat.real}
    here = target in names or (whole_tree and any(name.startswith(target + "/") for name in names))
    return here and set(each.perm) <= set(rule.get("perm") or "rwxa") and rule.get("success") is None


def _rule(each: Watched, stat: Stat) -> str:
    kind = "dir" if stat.kind == "dir" else "path"
    return f"-a always,exit -F arch=b64 -F {kind}={each.path} -F perm={each.perm} -F key={each.key}"


def _words(perm: str) -> str:
    return {"wa": "changes", "r": "reads", "x": "starts"}[perm]


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=(
        "auditing-overview",
        "audit-rules-file",
        "audit-tls-keys",
        "audit-libvirt-configuration",
        "audit-environment-changes",
    ),
    check=check,
)
