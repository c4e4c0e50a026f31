"""The compiled audit rules are those of rules.d.

What the kernel gets at boot is /etc/audit/audit.rules, which augenrules puts together from
/etc/audit/rules.d. The blueprint pastes rules into the compiled file: the next load overwrites them. The
other way round, rules written to rules.d and never compiled protect nothing until somebody reboots.

Judged: the rules of both as sets, however they are spelled. Hosts without rules.d have only the one file.

Fix: move rules that stand only in audit.rules to a file of rules.d, then `augenrules --load`.

Proof: `augenrules --check` says that nothing changed.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.audit import COMPILED, AuditRules
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import Document, Severity, State, Subject

_SUBJECT = Subject("file", COMPILED)
_DOCUMENT = Document("file", COMPILED)


def check(host: Host) -> Findings:
    rules = host.get(AuditRules)
    written = {rule: file.cite(rule.line) for file, rule in rules.in_order()}
    if not rules.sources:
        yield notapplicable(_SUBJECT, "this host keeps its rules in audit.rules itself", state=State.ON_DISK)
        return
    if rules.compiled is None:
        message = "the rules of rules.d were never compiled"
        change = by_hand(_DOCUMENT, "augenrules --load")
        evidence = [file.text.cite(text=f"{len(file.rules.rules)} rules") for file in rules.sources]
        yield failed(_SUBJECT, message, change, evidence=evidence, state=State.ON_DISK)
        return
    compiled = {rule: rules.compiled.cite(rule.line) for rule in rules.compiled.rules.rules}
    lost = [rule for rule in compiled if rule not in written]
    pending = [rule for rule in written if rule not in compiled]
    if lost:
        change = by_hand(_DOCUMENT, "move the rules to a file of /etc/audit/rules.d, then augenrules --load")
        message = f"{_rules(lost)} only in the compiled file and will be overwritten"
        yield failed(
            _SUBJECT, message, change, evidence=[compiled[rule] for rule in lost[:5]], state=State.ON_DISK
        )
    if pending:
        message = f"{_rules(pending)} in rules.d and not in the compiled file"
        change = by_hand(_DOCUMENT, "augenrules --load")
        yield failed(
            _SUBJECT, message, change, evidence=[written[rule] for rule in pending[:5]], state=State.ON_DISK
        )
    if not lost and not pending:
        about = rules.compiled.text.cite(text=f"{len(compiled)} rules")
        yield passed(_SUBJECT, "the compiled rules are those of rules.d", about, state=State.ON_DISK)


def _rules(rules: list[Rule]) -> str:
    return "1 rule stands" if len(rules) == 1 else f"{len(rules)} rules stand"


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("load-audit-rules",), check=check
)
