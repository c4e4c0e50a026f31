"""Audit rules watch libvirt's settings, keys, images, programs and runtime files."""

import pytest

from tests.kit import entry, judge, made, results
from virtwarden.controls.audit.audit_covers_virtualization import CONTROL
from virtwarden.edits import Replace, describe
from virtwarden.host import Host, Stat, Unknown
from virtwarden.ruleset.generator import rule_set
from virtwarden.ruleset.situation import situation

PATH = "/etc/audit/rules.d/virt.rules"
CONFIGURATION = entry("/etc/libvirt", kind="dir", mode=0o755)
OWN = ["/etc/audit/rules.d/45-virtwarden-virt.rules"]
X86_64 = {"/lib64/ld-linux-x86-64.so.2": ""}
DAEMON = "/usr/sbin/libvirtd"


def host(rules: str, *stats: Stat) -> Host:
    return made(files={PATH: rules}, stats=list(stats) or [CONFIGURATION])


def told(rules: str, *stats: Stat) -> list[tuple[str, str, str]]:
    return [(f.subject.name, str(f.result), f.message) for f in judge(CONTROL, host(rules, *stats))]


@pytest.mark.parametrize(
    "rule",
    [
        "-w /etc/libvirt -p wa -k virt_libvirt_cfg",
        "-w /etc/libvirt/ -p wa",
        "-a exit,always -F arch=b64 -F dir=/etc/libvirt -F perm=rwa -k x",
        "-a always,exit -F arch=b64 -F dir=/etc -F perm=wa",
        "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F subj_type!=virtd_t",
        "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F exe!=/usr/sbin/libvirtd",
    ],
)
def test_a_rule_for_the_directory_or_one_above_it_passes(rule: str) -> None:
    (finding,) = judge(CONTROL, host(rule + "\n"))
    assert (finding.result, finding.message) == ("pass", "a rule on disk records changes")
    assert finding.evidence[0].where == f"{PATH}:1"


@pytest.mark.parametrize(
    "rule",
    [
        "-w /etc/libvirt -p r",
        "-w /etc/libvirt-other -p wa",
        "-a never,exit -F dir=/etc/libvirt -F perm=wa",
        "-W /etc/libvirt -p wa",
        "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F success=0",
        "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F auid>=1000",
        "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F auid!=unset",
        "-a always,exit -F arch=b64 -F path=/etc/libvirt -F perm=wa -F subj_type=staff_t",
        "-a always,exit -F arch=b64 -S unlink -F dir=/etc/libvirt",
        "-a always,exit -F arch=b32 -F dir=/etc/libvirt -F perm=wa",
        "",
    ],
)
def test_other_rules_do_not_cover_it(rule: str) -> None:
    (finding,) = judge(CONTROL, host(rule + "\n"))
    assert finding.result == "fail"
    assert finding.message.startswith("no rule records changes")
    assert [change.document.name for change in finding.fix] == OWN
    assert "-F dir=/etc/libvirt -F perm=wa -F key=virt_libvirt_cfg\n" in describe(finding.fix[0].edit)


def test_what_does_not_exist_is_not_asked_for_and_what_does_is_each_judged() -> None:
    emulator = entry("/usr/bin/qemu-system-x86_64", mode=0o755)
    key = entry("/etc/pki/libvirt/private/serverkey.pem", mode=0o600)
    rules = "-w /usr/bin/qemu-system-x86_64 -p x -k virt_qemu_exec\n"
    assert [(name, result) for name, result, _ in told(rules, emulator, key)] == [
        ("/etc/pki/libvirt/private/serverkey.pem", "fail"),
        ("/etc/pki/libvirt", "fail"),
        ("/usr/bin/qemu-system-x86_64", "pass"),
        ("/usr/bin/qemu-system-x86_64", "fail"),
        ("/dev/kvm", "fail"),
    ]


def test_a_merged_sbin_counts_under_both_names() -> None:
    daemon = entry(DAEMON, real="/usr/bin/libvirtd", mode=0o755)
    rules = "-w /usr/bin/libvirtd -p xwa\n-w /run/libvirt -p wa\n"
    assert {result for _, result, _ in told(rules, daemon)} == {"pass"}


def test_rules_that_miss_the_calls_of_32_bit_programs_fail_where_the_kernel_takes_them() -> None:
    one = "-a always,exit -F arch=b64 -F path=/usr/sbin/libvirtd -F perm=xwa\n"
    about = made(files={PATH: one, DAEMON: "", **X86_64})
    findings = judge(CONTROL, about)
    assert [(f.subject.name, f.result) for f in findings if f.subject.name == DAEMON] == [(DAEMON, "fail")] * 2
    assert findings[-1].message == "no rule records changes by 32-bit calls"
    both = made(files={PATH: one + one.replace("b64", "b32"), DAEMON: "", **X86_64})
    assert {f.result for f in judge(CONTROL, both) if f.subject.name == DAEMON} == {"pass"}


def test_its_fix_heals_it_and_is_what_the_command_prints() -> None:
    first = made(files={PATH: "", DAEMON: "", **X86_64, "/etc/libvirt/qemu.conf": ""})
    fixes = {change.document.name: change.edit for f in judge(CONTROL, first) for change in f.fix}
    texts = {name: edit.text or "" for name, edit in fixes.items() if isinstance(edit, Replace)}
    assert texts == rule_set(situation(first)).files()
    healed = made(files={PATH: "", DAEMON: "", **X86_64, "/etc/libvirt/qemu.conf": "", **texts})
    assert set(results(CONTROL, healed)) == {"pass"}


def test_a_host_with_its_rules_in_one_file_gets_what_is_missing_there() -> None:
    about = made(
        files={"/etc/audit/audit.rules": "-D\n-w /etc/libvirt -p wa\n", DAEMON: ""}, stats=[CONFIGURATION]
    )
    findings = judge(CONTROL, about)
    assert [(f.subject.name, f.result) for f in findings] == [
        ("/etc/libvirt", "pass"), ("/run/libvirt", "fail"), (DAEMON, "fail"), (DAEMON, "fail")
    ]  # fmt: skip
    fixes = [(change.document.name, describe(change.edit)) for f in findings for change in f.fix]
    assert {name for name, _ in fixes} == {"/etc/audit/audit.rules"}
    assert "path=/var/run/libvirt -F perm=wa -F auid!=4294967295" in fixes[0][1]


def test_what_cannot_be_looked_at_is_unknown() -> None:
    refused = made(files={PATH: "-w /etc -p wa\n"}, stats={"/var/lib/libvirt/qemu": Unknown("permission denied")})
    assert results(CONTROL, refused) == ["unknown"]
    more = {f"/etc/pki/{use}": Unknown("permission denied") for use in ("qemu", "libvirt-vnc")}
    (finding,) = judge(CONTROL, made(files={PATH: "-w /etc -p wa\n"}, stats=more))
    assert finding.message.startswith("whether 2 more places are there")


def test_a_host_without_libvirt_has_nothing_to_watch() -> None:
    assert results(CONTROL, made(files={PATH: "-w /srv -p wa\n"}, stats=[])) == ["notapplicable"]
