"""Audit records say who their users are and which host they come from."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_records_named import CONTROL
from virtwarden.edits import SetLine
from virtwarden.host import Host, Unknown

CONF, RULES, COMPILED = "/etc/audit/auditd.conf", "/etc/audit/rules.d/a.rules", "/etc/audit/audit.rules"
VERSION = ("auditctl", "-v")


PLUGIN = "/etc/audit/plugins.d/au-remote.conf"


def conf(text: str, version: str = "3.0.9", active: str = "yes") -> Host:
    files = {CONF: text, RULES: "", PLUGIN: f"# sent on\nactive = {active}\npath = /sbin/audisp-remote\n"}
    return made(files=files, commands={VERSION: f"auditctl version {version}\n"})


def test_enriched_records_with_the_hosts_name_pass() -> None:
    for name in ("hostname", "FQD", "numeric", "user"):
        assert results(CONTROL, conf(f"log_format = ENRICHED\nname_format = {name}\n")) == ["pass", "pass"]


def test_raw_records_without_it_fail_with_the_fix_also_where_nothing_is_set() -> None:
    for text in ("log_format = RAW\nname_format = NONE\n", ""):
        findings = judge(CONTROL, conf(text))
        assert [(f.message, f.fix[0].edit) for f in findings] == [
            ("records have numbers without names (log_format is raw)", SetLine("log_format", "ENRICHED")),
            ("records leave this host and do not name it", SetLine("name_format", "hostname")),
        ]


def test_records_that_stay_need_not_name_the_host() -> None:
    findings = judge(CONTROL, conf("log_format = ENRICHED\n", active="no"))
    assert [str(f.result) for f in findings] == ["pass", "notapplicable"]


def test_a_system_log_counts_as_a_way_out_and_what_cannot_be_read_is_unknown() -> None:
    files = {CONF: "log_format = ENRICHED\n", "/etc/audisp/plugins.d/syslog.conf": "active = yes\n"}
    assert results(CONTROL, made(files=files)) == ["pass", "fail"]
    refused = {"/etc/audit/plugins.d/*.conf": Unknown("permission denied")}
    assert results(CONTROL, made(files={CONF: "log_format = ENRICHED\n", **refused})) == ["pass", "unknown"]


def test_an_auditd_that_knows_no_enriched_records_is_not_judged_by_them() -> None:
    assert results(CONTROL, conf("name_format = hostname\n", "2.3.7")) == ["notapplicable", "pass"]
    untold = made(files={CONF: "name_format = hostname\n", COMPILED: "-D\n"})
    assert results(CONTROL, untold) == ["notapplicable", "pass"]


def test_where_its_version_is_not_told_a_host_of_today_is_assumed() -> None:
    assert results(CONTROL, made(files={CONF: "", RULES: ""})) == ["fail", "notapplicable"]
    assert results(CONTROL, made(files={CONF: ""})) == ["fail", "notapplicable"]


def test_a_host_without_auditd_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]
