"""The audit rules on disk are the ones in force.

A rule that did not load records nothing, and a load that stopped half-way says so once, at boot, where nobody
reads. Rules loaded by hand are gone after the next boot.

Judged: the rules files against `auditctl -l`, rule by rule, however they are spelled. auditctl before 4.0.2
lists `exe!=` as `exe=`; a rule that differs in nothing else counts as loaded.

Fix: `augenrules --load`; where the rules are locked (`-e 2`), a reboot. Rules that only the kernel has belong
into a file of rules.d.

Proof: each rule is fired once, harmlessly, and its record is found.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.audit import AuditRules, AuditStatus
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import Document, Evidence, Severity, State, Subject
from virtwarden.ruleset.compare import missing_and_foreign

_SUBJECT = Subject("audit rules", "in the kernel")
_DOCUMENT = Document("audit", "rules in the kernel")
_SHOWN = 5
_LOCKED = 2


LOAD = (
    "mend the lines that the load stops at, which audit-rules-well-formed names; then augenrules --load, or a "
    "reboot where auditctl -s says enabled 2"
)


BOOT = "boot the host: the kernel's rules are locked (-e 2), and take no change until then"


def check(host: Host) -> Findings:
    rules = host.get(AuditRules)
    loaded, listing = rules.in_force()
    written = _written(rules)
    held = set(loaded.rules)
    if not written and not held:
        yield notapplicable(_SUBJECT, "there are no audit rules on this host", state=State.IN_FORCE)
        return
    missing, foreign = missing_and_foreign(host, written, dict.fromkeys(loaded.rules))
    if missing:
        locked = _are_locked(host)
        message = f"{len(missing)} of {len(written)} rules on disk are not loaded"
        message += ", and the kernel's rules are locked: reboot required" if locked else ""
        change = by_hand(_DOCUMENT, BOOT if locked else LOAD)
        evidence = [*(written[rule] for rule in missing[:_SHOWN]), listing.cite(f"{len(held)} rules are loaded")]
        yield failed(_SUBJECT, message, change, evidence=evidence, state=State.IN_FORCE)
    if foreign:
        message = f"{len(foreign)} loaded rules are in no file and will be gone after the next boot"
        change = by_hand(_DOCUMENT, "write the rules to a file of /etc/audit/rules.d")
        evidence = [listing.cite(rule.text) for rule in sorted(foreign, key=lambda rule: rule.line)[:_SHOWN]]
        yield failed(_SUBJECT, message, change, evidence=evidence, state=State.IN_FORCE)
    if not missing and not foreign:
        about = listing.cite(f"{len(held)} rules are loaded")
        yield passed(_SUBJECT, "all rules on disk are loaded, and no others", about, state=State.IN_FORCE)


def _are_locked(host: Host) -> bool:
    try:
        return host.get(AuditStatus).number("enabled") == _LOCKED
    except (Absent, Unknown):
        return False


def _written(rules: AuditRules) -> dict[Rule, Evidence]:
    written: dict[Rule, Evidence] = {}
    for file, rule in rules.in_order():
        if rule.verb == "delete":
            written.pop(rule, None)
        else:
            written.setdefault(rule, file.cite(rule.line))
    return written


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("load-audit-rules", "search-audit-events"),
    check=check,
)
