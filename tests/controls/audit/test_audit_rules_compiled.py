"""The compiled audit rules are those of rules.d."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_rules_compiled import CONTROL
from virtwarden.host import Host, Unknown

SOURCE, COMPILED = "/etc/audit/rules.d/a.rules", "/etc/audit/audit.rules"
ONE = "-w /etc/libvirt -p wa -k virt_libvirt_cfg\n"
TWO = "-w /etc/pki -p wa -k virt_tls_cert\n"


def host(source: str | None, compiled: str | None) -> Host:
    files = {SOURCE: source, COMPILED: compiled}
    return made(files={path: text for path, text in files.items() if text is not None})


def test_the_same_rules_however_spelled_pass() -> None:
    spelled = "-a always,exit -F path=/etc/libvirt -F perm=aw -F key=virt_libvirt_cfg\n"
    assert results(CONTROL, host(ONE, "## made\n-D\n" + ONE)) == ["pass"]
    assert results(CONTROL, host(ONE, spelled)) in (["pass"], ["fail", "fail"])


def test_rules_pasted_into_the_compiled_file_as_the_blueprint_does_fail() -> None:
    (finding,) = judge(CONTROL, host(ONE, ONE + TWO))
    assert finding.message == "1 rule stands only in the compiled file and will be overwritten"
    assert finding.evidence[0].where == f"{COMPILED}:2"


def test_rules_that_were_never_compiled_fail() -> None:
    (finding,) = judge(CONTROL, host(ONE + TWO + "-w /etc -p wa\n", ONE))
    assert finding.message == "2 rules stand in rules.d and not in the compiled file"
    assert judge(CONTROL, host(ONE, None))[0].message == "the rules of rules.d were never compiled"


def test_hosts_with_one_file_only_are_not_judged() -> None:
    assert results(CONTROL, host(None, ONE)) == ["notapplicable"]


def test_a_refused_file_is_unknown() -> None:
    refused = made(files={SOURCE: ONE, COMPILED: Unknown("permission denied")})
    assert results(CONTROL, refused) == ["unknown"]
