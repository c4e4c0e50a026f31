"""Auditing begins with the kernel."""

import pytest

from tests.kit import judge, made
from virtwarden.controls.audit.audit_on_at_boot import CONTROL
from virtwarden.facts.policy import Audit, Policy
from virtwarden.host import Host

GOOD = "root=/dev/sda1 audit=1 audit_backlog_limit=8192"


def booted(running: str, configured: str, policy: Policy | None = None) -> Host:
    files = {"/proc/cmdline": running, "/etc/default/grub": f'GRUB_CMDLINE_LINUX="{configured}"\n'}
    return made(policy or Policy(), files=files)


def test_both_lines_with_both_arguments_pass() -> None:
    assert [(f.result, f.state) for f in judge(CONTROL, booted(GOOD, GOOD))] == [
        ("pass", "on disk"),
        ("pass", "in force"),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("quiet", "no audit=1 and no audit_backlog_limit"),
        ("audit=0 audit_backlog_limit=8192", "audit=0"),
        ("audit=1 audit_backlog_limit=64", "an audit_backlog_limit of 64, less than 8192"),
        ("audit=1 audit_backlog_limit=many", "no audit_backlog_limit"),
    ],
)
def test_what_a_line_lacks_is_said_with_the_fix(line: str, says: str) -> None:
    (on_disk, in_force) = judge(CONTROL, booted(GOOD, line))
    assert (on_disk.result, in_force.result) == ("fail", "pass")
    assert on_disk.message == f"the kernel line has {says}"
    assert len(on_disk.fix) == 2
    assert on_disk.evidence[0].where == "/etc/default/grub:1"


def test_the_policy_sets_the_least_backlog() -> None:
    line = "audit=1 audit_backlog_limit=320"
    findings = judge(CONTROL, booted(line, line, Policy(audit=Audit(backlog_limit=320))))
    assert [f.result for f in findings] == ["pass", "pass"]


def test_every_kernel_of_a_red_hat_six_menu_is_judged() -> None:
    menu = f"title new\n\tkernel /vmlinuz-2 ro {GOOD}\ntitle old\n\tkernel /vmlinuz-1 ro\n"
    findings = judge(CONTROL, made(files={"/boot/grub/menu.lst": menu, "/proc/cmdline": GOOD}))
    assert [f.result for f in findings] == ["pass", "fail", "pass"]


def test_a_side_that_cannot_be_read_is_unknown_and_the_other_is_judged() -> None:
    findings = judge(CONTROL, made(files={"/boot/grub/menu.lst": "kernel /vmlinuz audit=1\n"}))
    assert [f.result for f in findings] == ["fail", "unknown"]
    findings = judge(CONTROL, made(files={"/proc/cmdline": GOOD}))
    assert [f.result for f in findings] == ["unknown", "pass"]
