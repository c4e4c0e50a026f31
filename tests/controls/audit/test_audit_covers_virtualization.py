"""Audit rules watch libvirt's settings, keys, images, programs and runtime files."""

import pytest

from tests.kit import entry, judge, made, results
from virtwarden.controls.audit.audit_covers_virtualization import CONTROL
from virtwarden.edits import describe
from virtwarden.host import Host, Stat, Unknown

PATH = "/etc/audit/rules.d/virt.rules"
CONFIGURATION = entry("/etc/libvirt", kind="dir", mode=0o755)


def host(rules: str, *stats: Stat) -> Host:
    return made(files={PATH: rules}, stats=list(stats) or [CONFIGURATION])


@pytest.mark.parametrize(
    "rule",
    [
        "-w /etc/libvirt -p wa -k virt_libvirt_cfg",
        "-w /etc/libvirt/ -p wa",
        "-a exit,always -F arch=b64 -F dir=/etc/libvirt -F perm=rwa -k x",
        "-a always,exit -F arch=b64 -F dir=/etc -F perm=wa",
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
        "",
    ],
)
def test_other_rules_do_not_cover_it(rule: str) -> None:
    (finding,) = judge(CONTROL, host(rule + "\n"))
    assert (finding.result, finding.message) == ("fail", "no rule records changes")
    assert "-F dir=/etc/libvirt -F perm=wa -F key=virt_libvirt_cfg" in describe(finding.fix[0].edit)


def test_what_does_not_exist_is_not_asked_for_and_what_does_is_each_judged() -> None:
    emulator = entry("/usr/bin/qemu-system-x86_64", mode=0o755)
    key = entry("/etc/pki/libvirt/private/serverkey.pem", mode=0o600)
    rules = "-w /usr/bin/qemu-system-x86_64 -p x -k virt_qemu_exec\n"
    assert [(f.subject.name, f.result) for f in judge(CONTROL, host(rules, emulator, key))] == [
        ("/etc/pki/libvirt", "fail"),
        ("/etc/pki/libvirt/private/serverkey.pem", "fail"),
        ("/usr/bin/qemu-system-x86_64", "pass"),
    ]


def test_a_merged_sbin_counts_under_both_names() -> None:
    daemon = entry("/usr/sbin/libvirtd", real="/usr/bin/libvirtd", mode=0o755)
    assert results(CONTROL, host("-w /usr/bin/libvirtd -p x\n", daemon)) == ["pass"]


def test_what_cannot_be_looked_at_is_unknown() -> None:
    refused = made(files={PATH: "-w /etc -p wa\n"}, stats={"/var/lib/libvirt/qemu": Unknown("permission denied")})
    assert results(CONTROL, refused) == ["unknown"]


def test_a_host_without_libvirt_has_nothing_to_watch() -> None:
    assert results(CONTROL, made(files={PATH: "-w /srv -p wa\n"}, stats=[])) == ["notapplicable"]
