"""SELinux enforces, now and after the next boot."""

from collections.abc import Mapping

from tests.kit import judge, made, refusing, results
from virtwarden.controls.svirt.selinux_enforcing import CONTROL
from virtwarden.edits import SetLine
from virtwarden.host import Absent, Host, Unknown
from virtwarden.model import State

ENFORCE, CONFIG, GRUB = "/sys/fs/selinux/enforce", "/etc/selinux/config", "/boot/loader/entries/a.conf"
GOOD = {ENFORCE: "1", CONFIG: "# x\nSELINUX=enforcing\n", GRUB: "options root=/dev/vda1 ro\n"}
DEAD = dict.fromkeys((ENFORCE, "/selinux/enforce"), Unknown("an image has no /sys"))


def host(changed: Mapping[str, str | Unknown | Absent] | None = None, base: Mapping[str, str] = GOOD) -> Host:
    files: dict[str, str | bytes | Unknown | Absent] = {**base, **(changed or {})}
    return made(files=files)


def test_enforcing_in_all_places_passes() -> None:
    disk, line, live = judge(CONTROL, host())
    assert {disk.result, line.result, live.result} == {"pass"}
    assert (disk.state, line.state, live.state) == (State.ON_DISK, State.ON_DISK, State.IN_FORCE)
    assert (disk.evidence[0].line, line.evidence[0].path, live.evidence[0].path) == (2, GRUB, ENFORCE)


def test_setenforce_alone_does_not_last() -> None:
    disk, _, live = judge(CONTROL, host({CONFIG: "SELINUX=permissive\n"}))
    assert (disk.result, disk.message, live.result) == ("fail", "SELinux is permissive", "pass")
    assert disk.fix[0].edit == SetLine("SELINUX", "enforcing", "=")


def test_setenforce_0_fails_now() -> None:
    disk, _, live = judge(CONTROL, host({ENFORCE: "0"}))
    assert (disk.result, live.result, live.message) == ("pass", "fail", "SELinux is permissive")
    assert live.fix[0].edit.steps == "setenforce 1"  # type: ignore[union-attr]
    old = host({"/selinux/enforce": "0"}, {key: GOOD[key] for key in (CONFIG, GRUB)})
    assert results(CONTROL, old) == ["pass", "pass", "fail"]


def test_the_kernel_line_turns_it_off() -> None:
    for argument in ("enforcing=0", "selinux=0"):
        _, line, _ = judge(CONTROL, host({GRUB: f"options ro {argument}\n"}))
        assert (line.result, line.message) == ("fail", f"the kernel line has {argument}")
    assert results(CONTROL, host({GRUB: "options enforcing=0 enforcing=1 selinux=1\n"})) == ["pass"] * 3


def test_a_kernel_line_that_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host({GRUB: Unknown("permission denied")})) == ["pass", "unknown", "pass"]


def test_a_host_whose_selinux_is_disabled_fails() -> None:
    (finding,) = judge(CONTROL, made(files={CONFIG: "SELINUX=disabled\n"}))
    assert (finding.result, finding.message) == ("fail", "SELinux is disabled")
    assert finding.evidence[0].path == CONFIG
    image: dict[str, str | bytes | Unknown | Absent] = {**DEAD, CONFIG: "SELINUX=disabled\n"}
    assert results(CONTROL, made(files=image)) == ["fail", "unknown", "unknown"]


def test_what_one_side_has_and_the_other_has_not_fails_with_evidence() -> None:
    unloaded = {key: GOOD[key] for key in (CONFIG, GRUB)}
    *_, live = judge(CONTROL, host(base=unloaded))
    assert (live.result, live.evidence[0].path) == ("fail", ENFORCE)
    unset = {key: GOOD[key] for key in (ENFORCE, GRUB)}
    disk, *_ = judge(CONTROL, host(base=unset))
    assert (disk.result, disk.evidence[0].path) == ("fail", CONFIG)


def test_a_host_that_refuses_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]


def test_other_hosts_are_not_judged() -> None:
    apparmor = {"/sys/module/apparmor/parameters/enabled": "Y\n", CONFIG: "SELINUX=disabled\n"}
    assert results(CONTROL, made(files=apparmor)) == ["notapplicable"]
    assert results(CONTROL, made()) == ["notapplicable"]
    profile = "/etc/apparmor.d/usr.sbin.libvirtd"
    image: dict[str, str | bytes | Unknown | Absent] = {
        **DEAD,
        "/sys/module/apparmor/parameters/enabled": Unknown("an image has no /sys"),
        profile: "",
        CONFIG: "SELINUX=disabled\n",
    }
    assert results(CONTROL, made(files=image)) == ["notapplicable"]
