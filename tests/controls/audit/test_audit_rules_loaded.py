"""The audit rules on disk are the ones in force."""

from tests.kit import judge, made, results
from virtwarden.controls.audit.audit_rules_loaded import CONTROL
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
