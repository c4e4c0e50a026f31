"""On a host with systemd, systemd alone makes and mounts control groups."""

from collections.abc import Mapping

from tests.kit import entry, judge, made, results
from tests.limitshost import RHEL6, V1, V2
from virtwarden.controls.limits.cgroup_hierarchy_systemds import CONTROL
from virtwarden.edits import Replace
from virtwarden.host import Absent, Host, Unknown
from virtwarden.model import State

BOOTED = entry("/run/systemd/system", kind="dir")
COMMENTS = "# mount {\n#   cpuset = /cgroup/cpuset;\n# }\n"
GROUPS = """\
mount {
    cpu = /cgroup/cpu;
    memory = /cgroup/memory;
}
group virt/web {
    cpu { cpu.shares = "256"; }
}
"""
REFUSED = Unknown("permission denied")


def host(files: Mapping[str, str | Unknown | Absent] | None = None, mounts: str = V2) -> Host:
    world: dict[str, str | bytes | Unknown | Absent] = {"/proc/mounts": mounts, **(files or {})}
    return made(files=world, stats=[BOOTED])


def test_a_host_that_leaves_it_to_systemd_passes() -> None:
    found = judge(CONTROL, host())
    assert [(f.result, f.state) for f in found] == [
        ("pass", State.ON_DISK),
        ("pass", State.ON_DISK),
        ("pass", State.IN_FORCE),
    ]
    assert results(CONTROL, host(mounts=V1)) == ["pass"] * 3


def test_the_blueprints_groups_fail() -> None:
    found = judge(CONTROL, host({"/etc/cgconfig.conf": GROUPS, "/etc/cgrules.conf": "* cpu,memory virt/\n"}))
    config, rules = found[:2]
    assert (config.result, config.message) == ("fail", "it defines 2 groups, mounts or rules in systemd's tree")
    assert (config.subject.name, config.evidence[0].line) == ("/etc/cgconfig.conf", 1)
    assert (rules.result, rules.subject.name) == ("fail", "/etc/cgrules.conf")


def test_parts_count_and_comments_do_not() -> None:
    found = judge(CONTROL, host({"/etc/cgconfig.conf": COMMENTS, "/etc/cgconfig.d/virt.conf": GROUPS}))
    assert [(f.result, f.subject.name) for f in found[:2]] == [
        ("pass", "/etc/cgconfig.conf"),
        ("fail", "/etc/cgconfig.d/virt.conf"),
    ]


def test_the_file_that_nothing_reads_fails_whatever_is_in_it() -> None:
    finding = judge(CONTROL, host({"/etc/cgroups.conf": COMMENTS}))[0]
    assert (finding.result, finding.message) == ("fail", "nothing reads this file")
    assert finding.fix[0].edit == Replace(None)


def test_mounts_below_cgroup_fail() -> None:
    *_, disk, live = judge(CONTROL, host({"/etc/fstab": "none /cgroup/cpu cgroup cpu 0 0\n"}, V2 + RHEL6))
    assert (disk.result, disk.message) == ("fail", "control groups are mounted at /cgroup/cpu")
    assert (live.result, live.message) == ("fail", "control groups are mounted at /cgroup/memory, /cgroup/cpu")
    assert live.fix[0].edit.steps.startswith("umount /cgroup/memory /cgroup/cpu,")  # type: ignore[union-attr]
    assert [evidence.line for evidence in live.evidence] == [2, 3]


def test_what_cannot_be_read_is_unknown() -> None:
    broken: dict[str, str | Unknown | Absent] = {
        "/etc/cgconfig.conf": "group {",
        "/etc/cgrules.conf": REFUSED,
        "/etc/cgconfig.d/*.conf": REFUSED,
    }
    assert results(CONTROL, host(broken)) == ["unknown"] * 3 + ["pass", "pass"]
    assert results(CONTROL, host({"/proc/mounts": REFUSED})) == ["pass", "pass", "unknown"]


def test_a_host_older_than_systemd_is_left_alone() -> None:
    old = made(files={"/etc/cgconfig.conf": GROUPS, "/proc/mounts": RHEL6})
    assert results(CONTROL, old) == ["notapplicable"]


def test_an_image_is_judged_by_what_is_installed() -> None:
    unseen = {"/run/systemd/system": Unknown("an image has no /run")}
    files: dict[str, str | bytes | Unknown | Absent] = {"/etc/cgconfig.conf": GROUPS, "/proc/mounts": REFUSED}
    image = made(files=files, stats=unseen | {"/lib/systemd/systemd": entry("/lib/systemd/systemd")})
    assert results(CONTROL, image) == ["fail", "pass", "unknown"]
    assert results(CONTROL, made(files=files, stats=unseen)) == ["notapplicable"]
