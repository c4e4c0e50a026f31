"""The rules on disk, compiled and loaded, held against each other rule by rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.kit import made
from tests.ruleset.kernel import NEEDS_KERNEL, auditctl, emptied, listed
from virtwarden.host import Absent, Unknown
from virtwarden.ruleset.compare import Comparison, compare

SITE, COMPILED = "/etc/audit/rules.d/site.rules", "/etc/audit/audit.rules"
EXE = "-a always,exit -F arch=b64 -F dir=/srv -F perm=wa -F exe!=/usr/bin/qemu-img -F key=k\n"


def compared(
    disk: str | None,
    compiled: str | None,
    loaded: str | Unknown,
    version: str = "3.0.9",
    status: str = "enabled 1\n",
) -> Comparison:
    files: Mapping[str, str] = {p: t for p, t in ((SITE, disk), (COMPILED, compiled)) if t is not None}
    commands: dict[tuple[str, ...], str | Unknown] = {
        ("auditctl", "-l"): loaded, ("auditctl", "-v"): f"auditctl version {version}\n", ("auditctl", "-s"): status,
    }  # fmt: skip
    return compare(made(files=files, commands={**commands}))


def sides(found: Comparison) -> list[tuple[bool | None, bool | None, bool | None]]:
    return [(each.on_disk, each.compiled, each.loaded) for each in found.rules]


SPELLINGS = [
    ("-w /etc/libvirt -p aw -k k", "-w /etc/libvirt/ -p wa -k k"),
    ("-a exit,always -F path=/x -F perm=wa -k k", "-w /x -p wa -k k"),
    ("-a always,exit -F arch=b64 -F dir=/x -F perm=xwa -F auid!=unset -F key=k",
     "-a always,exit -F arch=b64 -S all -F dir=/x -F perm=wxa -F auid!=-1 -F key=k"),
    ("-a always,exit -F arch=b64 -F dir=/x/ -F perm=wa -F auid!=4294967295 -F key=k",
     "-a always,exit -F arch=b64 -S all -F dir=/x -F perm=wa -F auid!=unset -F key=k"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "listed_as"), SPELLINGS)
def test_rules_are_the_same_however_they_are_spelled(written: str, listed_as: str) -> None:
    found = compared(written + "\n", written + "\n", listed_as + "\n")
    assert sides(found) == [(True, True, True)]
    assert (found.differing, found.remarks) == ((), ())


def test_each_rule_is_told_with_the_sides_that_lack_it() -> None:
    found = compared("-w /a -p wa\n-w /b -p wa\n", "-w /a -p wa\n-w /c -p wa\n", "-w /a -p wa\n-w /d -p wa\n")
    assert {each.rule.target: (each.on_disk, each.compiled, each.loaded) for each in found.rules} == {
        "/a": (True, True, True), "/b": (True, False, False), "/c": (False, True, False), "/d": (False, False, True),
    }  # fmt: skip
    assert [each.place for each in found.rules] == [f"{SITE}:1", f"{SITE}:2", f"{COMPILED}:2", ""]


def test_rules_that_a_file_takes_out_again_are_not_missed() -> None:
    found = compared("-w /a -p wa\n-W /a -p wa\n", "-w /a -p wa\n-W /a -p wa\n", "No rules\n")
    assert found.rules == ()


@pytest.mark.parametrize("version", ["3.0.9", "4.0.1", "unheard"])
def test_exe_that_is_listed_without_its_sign_is_taken_for_the_same_and_said(version: str) -> None:
    found = compared(EXE, EXE, EXE.replace("exe!=", "exe="), version)
    assert sides(found) == [(True, True, True)]
    assert found.remarks[0].startswith("1 rule with exe!= in the files came back with exe=")


def test_from_the_version_on_that_lists_it_right_it_is_another_rule() -> None:
    found = compared(EXE, EXE, EXE.replace("exe!=", "exe="), "4.0.2")
    assert sides(found) == [(True, True, False), (False, False, True)]


def test_a_rule_that_says_exe_equals_itself_is_no_stand_in_for_another() -> None:
    equals = EXE.replace("exe!=", "exe=")
    found = compared(EXE + equals, EXE + equals, equals)
    assert sides(found) == [(True, True, False), (True, True, True)]


def test_the_same_rules_in_another_order_are_told() -> None:
    found = compared("-w /a -p wa\n-w /b -p wa\n", "-w /a -p wa\n-w /b -p wa\n", "-w /b -p wa\n-w /a -p wa\n")
    assert found.differing == ()
    assert found.remarks == ("the kernel has the rules in another order, from this one on: -w /a -p wa",)


def test_a_locked_kernel_is_told_with_what_that_means() -> None:
    found = compared("-w /a -p wa\n", "-w /a -p wa\n", "No rules\n", status="enabled 2\n")
    assert found.remarks == (
        "the kernel's rules are locked (-e 2): whatever is changed takes effect when the host is booted",
    )


def test_a_side_that_cannot_be_read_is_not_told_to_lack_anything() -> None:
    found = compared("-w /a -p wa\n", "-w /a -p wa\n", Unknown("auditctl: permission denied"))
    assert sides(found) == [(True, True, None)]
    assert found.unread == {"loaded": "the audit rules in force: auditctl: permission denied"}


def test_a_host_with_its_rules_in_one_file_has_no_other_on_disk() -> None:
    found = compared(None, "-w /a -p wa\n", "-w /a -p wa\n")
    assert sides(found) == [(None, True, True)]


def test_rules_that_were_never_compiled_lack_on_that_side() -> None:
    assert sides(compared("-w /a -p wa\n", None, "No rules\n")) == [(True, False, False)]


def test_a_host_without_the_audit_system_has_nothing_to_compare() -> None:
    with pytest.raises(Absent):
        compare(made())


@NEEDS_KERNEL
def test_what_auditctl_here_lists_is_the_same_as_what_was_loaded(tmp_path: Path) -> None:
    version = auditctl("-v").stdout.split()[-1]
    rules = [
        EXE.strip().replace("/srv", str(tmp_path)),
        f"-a never,exit -F arch=b32 -F path={tmp_path}/f -F perm=rw -F subj_type=svirt_t",
        f"-w {tmp_path}/ -p wa -k watched",
        f"-a always,exit -F arch=b64 -F path={tmp_path}/f -F perm=xwa -F auid!=unset -F key=one -F key=two",
    ]
    text = "\n".join(rules) + "\n"
    with emptied():
        for rule in rules:
            assert auditctl(*rule.split()).returncode == 0
        found = compared(text, text, listed(), version)
    assert found.differing == ()
    assert len(found.rules) == len(rules)
