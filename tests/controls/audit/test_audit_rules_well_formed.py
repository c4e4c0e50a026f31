"""Every audit rule on disk can be loaded and can match."""

import pytest

from tests.kit import entry, judge, made, results
from virtwarden.controls.audit.audit_rules_well_formed import CONTROL
from virtwarden.host import Absent, Host, Unknown

PATH = "/etc/audit/rules.d/virt.rules"
GOOD = "-D\n-b 8192\n-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F key=virt_libvirt_cfg\n"
DIRECTORIES = [entry(path, kind="dir") for path in ("/etc/libvirt", "/etc/pki", "/var/run", "/etc", "/usr/bin")]


def rules(text: str, lsm: str = "capability,selinux", **more: str) -> Host:
    files = {
        PATH: text,
        "/sys/kernel/security/lsm": lsm,
        **{path.replace("__", "/"): t for path, t in more.items()},
    }
    return made(files=files, stats=DIRECTORIES)


def test_sound_rules_pass() -> None:
    assert results(CONTROL, rules(GOOD)) == ["pass"]


def test_the_blueprints_printed_line_without_its_hyphen_fails_at_its_line() -> None:
    (finding,) = judge(CONTROL, rules(GOOD + "a exit,always -F arch=b32 -S all -k virt_qemu_crossdomain-\n"))
    assert finding.result == "fail"
    assert finding.evidence[0].where == f"{PATH}:4"
    assert finding.message.startswith("the hyphen before the option is lost")


def test_a_rule_that_stands_twice_stops_the_load() -> None:
    line = "-a always,exit -F path=/etc/pki/cert.pem -F perm=wa -k virt_tls_cert\n"
    (finding,) = judge(CONTROL, rules(line + line))
    assert finding.message.startswith(f"the rule stands in {PATH}:1 already (Rule exists): the load stops here")
    assert finding.evidence[0].line == 2
    assert results(CONTROL, rules("-c\n" + line + line)) == ["pass"]


def test_a_rule_for_a_directory_that_is_not_there_stops_the_load() -> None:
    (finding,) = judge(CONTROL, rules("-w /etc/pki/libvirt-vnc/server-cert.pem -p wa -k virt_tls_cert\n"))
    assert finding.message.startswith("/etc/pki/libvirt-vnc does not exist: the load stops here")
    assert results(CONTROL, rules("-a always,exit -F arch=b64 -F dir=/srv/vm -F perm=wa\n")) == ["fail"]


def test_a_file_that_is_missing_in_a_directory_that_is_there_loads() -> None:
    assert results(CONTROL, rules("-w /etc/pki/not-yet.pem -p wa -k x\n-w / -p wa\n")) == ["pass"]


@pytest.mark.parametrize("lsm", ["capability,apparmor", "capability"])
def test_selinux_types_can_never_match_without_selinux(lsm: str) -> None:
    line = "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F subj_type!=virtd_t\n"
    (finding,) = judge(CONTROL, rules(line, lsm))
    assert finding.message.startswith("subj_type loads and never matches here, with = and with !=")
    assert results(CONTROL, rules(line)) == ["pass"]


def test_rules_that_an_earlier_one_leaves_nothing_to_fail() -> None:
    start = "-a always,exit -F arch=b64 -F path=/usr/bin/qemu-kvm -F perm=x -F key=virt_qemu_exec\n"
    by_people = start.replace("-F key=", "-F auid!=unset -F key=")
    assert results(CONTROL, rules(by_people + start)) == ["pass"]
    (finding,) = judge(CONTROL, rules(start + by_people))
    assert finding.message.startswith(f"{PATH}:1 matches first whatever this one asks for")


def test_rules_that_are_taken_out_again_are_no_repetition() -> None:
    line = "-w /etc/libvirt -p wa -k x\n"
    assert results(CONTROL, rules(line + line.replace("-w", "-W"))) == ["pass"]


def test_a_directory_that_cannot_be_looked_for_is_unknown() -> None:
    host = made(files={PATH: GOOD}, stats={"/etc/libvirt": Unknown("/etc/libvirt: permission denied")})
    assert results(CONTROL, host) == ["unknown"]


def test_runtime_directories_of_an_image_are_not_missed() -> None:
    text = "-a always,exit -F arch=b64 -F dir=/run/libvirt -F perm=wa\n"
    host = made(files={PATH: text}, stats={"/run/libvirt": Unknown("/run is not part of an image")})
    assert results(CONTROL, host) == ["pass"]


def test_no_rules_at_all_is_not_applicable() -> None:
    assert results(CONTROL, rules("# nothing\n-D\n")) == ["notapplicable"]
    assert results(CONTROL, made()) == ["notapplicable"]


CONTEXTS = "/etc/selinux/targeted/contexts/files/file_contexts"
SELINUX = {
    "/sys/fs/selinux/enforce": "1",
    "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n",
    CONTEXTS: "/usr/sbin/libvirtd\t--\tsystem_u:object_r:virtd_exec_t:s0\n",
}


def test_a_type_that_the_policys_contexts_do_not_show_is_unknown() -> None:
    line = "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F subj_type!={}\n"
    assert results(CONTROL, rules(line.format("virtd_t"), **SELINUX)) == ["pass"]
    (_, finding) = judge(CONTROL, rules(line.format("virtqemud_t"), **SELINUX))
    assert finding.result == "unknown"
    assert finding.message.startswith("whether the policy has virtqemud_t: ")
    assert finding.evidence[0].where == f"{PATH}:1"


def test_a_policy_that_cannot_be_read_is_no_pass_for_rules_that_name_its_types() -> None:
    line = "-a always,exit -F arch=b64 -F dir=/etc/libvirt -F perm=wa -F subj_type!=virtd_t\n"
    files: dict[str, str | bytes | Unknown | Absent] = {
        "/sys/kernel/security/lsm": "selinux",
        **SELINUX,
        PATH: line,
    }
    files[CONTEXTS] = Unknown(f"{CONTEXTS}: permission denied")
    assert results(CONTROL, made(files=files, stats=DIRECTORIES)) == ["pass", "unknown"]
    files[PATH] = GOOD
    assert results(CONTROL, made(files=files, stats=DIRECTORIES)) == ["pass"]
