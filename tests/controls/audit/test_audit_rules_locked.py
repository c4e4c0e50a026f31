"""The audit rules cannot be changed until the next boot, where the site wants that."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_rules_locked import CONTROL
from virtwarden.facts.policy import Audit, Policy
from virtwarden.host import Host

WANTED = Policy(audit=Audit(immutable=True))
RULES = "/etc/audit/rules.d/99-final.rules"


def host(text: str, enabled: int | None, policy: Policy = WANTED) -> Host:
    commands: dict[tuple[str, ...], str] = (
        {} if enabled is None else {("auditctl", "-s"): f"enabled {enabled}\npid 7\n"}
    )
    return made(policy, files={RULES: text}, commands=commands)


def test_a_lock_on_disk_and_in_the_kernel_passes() -> None:
    assert results(CONTROL, host("-e 1\n-e 2\n", 2)) == ["pass", "pass"]


def test_no_lock_fails_with_our_own_file_as_the_fix() -> None:
    findings = judge(CONTROL, host("-w /etc -p wa\n", 1))
    assert [finding.result for finding in findings] == ["fail", "fail"]
    assert findings[0].fix[0].document.name == "/etc/audit/rules.d/99-virtwarden-lock.rules"


def test_the_last_word_counts() -> None:
    findings = judge(CONTROL, host("-e 2\n-e 1\n", 2))
    assert [finding.result for finding in findings] == ["fail", "pass"]
    assert len(findings[0].evidence) == 2


def test_the_kernel_that_cannot_be_asked_is_unknown() -> None:
    assert results(CONTROL, host("-e 2\n", None)) == ["pass", "unknown"]


def test_sites_that_do_not_ask_for_it_are_not_judged() -> None:
    assert results(CONTROL, host("-e 1\n", 1, Policy())) == ["notapplicable"]
