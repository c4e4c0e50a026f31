"""A machine that cannot play a KVM host is told so before anything is started."""

import os
from pathlib import Path

import pytest

from tests.real import preconditions
from tests.real.cgroups import TOP, Hierarchy, hierarchies
from tests.real.plain import PLAIN

VERSION_1 = """\
23 28 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 23 0:25 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,mode=755
31 30 0:26 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
32 30 0:27 / /sys/fs/cgroup/systemd rw,nosuid shared:10 - cgroup cgroup rw,xattr,name=systemd
35 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct
36 30 0:31 / /sys/fs/cgroup/memory rw,nosuid shared:16 - cgroup cgroup rw,memory
40 23 0:35 / /mnt/elsewhere rw shared:19 - cgroup cgroup rw,pids
"""
VERSION_2 = """\
25 30 0:23 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
34 25 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
"""


def test_each_version_1_hierarchy_is_found_with_its_controllers() -> None:
    found = hierarchies(VERSION_1)
    assert found == (
        Hierarchy(TOP / "unified", "cgroup2", ()),
        Hierarchy(TOP / "systemd", "cgroup", ("none", "name=systemd")),
        Hierarchy(TOP / "cpu,cpuacct", "cgroup", ("cpu", "cpuacct")),
        Hierarchy(TOP / "memory", "cgroup", ("memory",)),
    )
    assert " ".join(found[2].mount_argv) == "mount -t cgroup -o cpu,cpuacct cgroup /sys/fs/cgroup/cpu,cpuacct"


def test_version_2_is_one_hierarchy_mounted_without_options() -> None:
    (found,) = hierarchies(VERSION_2)
    assert " ".join(found.mount_argv) == "mount -t cgroup2 cgroup2 /sys/fs/cgroup"


def test_an_ordinary_user_is_told_that_root_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert preconditions.why_not() == "a real KVM host needs root"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setitem(PLAIN, "PATH", str(tmp_path))
    reason = preconditions.why_not()
    assert reason
    assert "tools/install-test-packages" in reason
    assert "virsh, qemu-system-x86_64" in reason
