"""The audit rules on disk are the ones in force."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_rules_loaded import CONTROL
from virtwarden.edits import describe
from virtwarden.host import Host

LIST = ("auditctl", "-l")
SOURCE = "/etc/audit/rules.d/a.rules"
DISK = """-D
-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F auid!=unset -F key=virt_libvirt_cfg
-w /etc/pki/CA/cacert.pem -p wa -k virt_tls_cert
"""
LOADED = """-a always,exit -F arch=b64 -S all -F dir=/etc/libvirt -F perm=wa -F auid!=-1 -F key=virt_libvirt_cfg
-w /etc/pki/CA/cacert.pem -p wa -k virt_tls_cert
"""


def host(disk: str, loaded: str | tuple[int, str]) -> Host:
    return made(files={SOURCE: disk}, commands={LIST: loaded})


def test_the_kernels_own_spelling_is_understood() -> None:
    (finding,) = judge(CONTROL, host(DISK, LOADED))
    assert finding.result == "pass", finding


def test_a_load_that_stopped_half_way_fails() -> None:
    (finding,) = judge(CONTROL, host(DISK, LOADED.splitlines(keepends=True)[0]))
    assert finding.message == "1 of 2 rules on disk are not loaded"
    assert finding.evidence[0].where == f"{SOURCE}:3"


def test_rules_loaded_by_hand_fail() -> None:
    (finding,) = judge(CONTROL, host(DISK, LOADED + "-w /etc/shadow -p wa\n"))
    assert finding.message == "1 loaded rules are in no file and will be gone after the next boot"
    assert "/etc/shadow" in finding.evidence[0].text


def test_a_rule_that_the_files_take_out_again_need_not_be_loaded() -> None:
    disk = DISK + "-W /etc/pki/CA/cacert.pem -p wa -k virt_tls_cert\n"
    assert results(CONTROL, host(disk, LOADED.splitlines(keepends=True)[0])) == ["pass"]


def test_nothing_on_disk_and_nothing_loaded_is_not_applicable() -> None:
    assert results(CONTROL, host("-D\n", "No rules\n")) == ["notapplicable"]


def test_a_user_who_may_not_ask_gets_unknown() -> None:
    assert results(CONTROL, host(DISK, (4, "You must be root to run this program.\n"))) == ["unknown"]


def test_where_the_kernels_rules_are_locked_a_reboot_is_required() -> None:
    commands: dict[tuple[str, ...], str] = {LIST: "No rules\n", ("auditctl", "-s"): "enabled 2\n"}
    (finding,) = judge(CONTROL, made(files={SOURCE: DISK}, commands=commands))
    assert finding.message.endswith(
        "2 rules on disk are not loaded, and the kernel's rules are locked: reboot required"
    )
    assert describe(finding.fix[0].edit).startswith("boot the host")


def test_a_rule_that_auditctl_lists_without_its_sign_counts_as_loaded() -> None:
    rule = "-a always,exit -F arch=b64 -F dir=/srv -F perm=wa -F exe!=/bin/a -F key=k\n"
    listed = rule.replace("exe!=", "exe=")
    for version, found in (("3.0.9", ["pass"]), ("4.0.2", ["fail", "fail"])):
        commands: dict[tuple[str, ...], str] = {LIST: listed, ("auditctl", "-v"): f"auditctl version {version}\n"}
        assert results(CONTROL, made(files={SOURCE: rule}, commands=commands)) == found
