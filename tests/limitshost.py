"""Hosts with control groups of either version, for tests of the limits, in the kernel's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.kit import NOW, guest, guests, made
from virtwarden.facts.domain import Guest
from virtwarden.facts.policy import GuestClass, Limits, Policy
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.host import Absent, Fact, Host, Text, Unknown

V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0\n"
V1 = (
    "tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0\n"
    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n"
    "cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,nodev,noexec,relatime,memory 0 0\n"
    "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0\n"
    "cgroup /sys/fs/cgroup/devices cgroup rw,nosuid,nodev,noexec,relatime,devices 0 0\n"
)
SCOPE = r"/machine.slice/machine-qemu\x2d3\x2dweb.scope"
IN_V2 = f"0::{SCOPE}/libvirt/emulator\n"
IN_V1 = (
    f"12:memory:{SCOPE}\n9:cpu,cpuacct:{SCOPE}/emulator\n5:devices:{SCOPE}\n2:pids:/\n"
    f"1:name=systemd:{SCOPE}\n0::{SCOPE}\n"
)
RHEL6 = "cgroup /cgroup/memory cgroup rw,relatime,memory 0 0\ncgroup /cgroup/cpu cgroup rw,relatime,cpu 0 0\n"
IN_RHEL6 = "4:memory:/libvirt/qemu/web\n3:cpu:/libvirt/qemu/web/vcpu0\n"

Files = Mapping[str, str | bytes | Unknown | Absent]


def host(*members: Guest, facts: tuple[Fact, ...] = (), mounts: str = V2, files: Files | None = None) -> Host:
    """A host with these guests and mounts."""
    return made(guests(*members), *facts, files={"/proc/mounts": mounts, **(files or {})})


def saying(element: str, text: str) -> Guest:
    """A guest in whose XML an element such as memory or vcpu says something else."""
    member = guest(extra=memtune("<hard_limit unit='GiB'>2</hard_limit>"))
    definition = member.latest
    said = definition.xml.find(element)
    assert said is not None
    said.text = text
    return member


def grouped(cgroup: str = IN_V2, name: str = "web") -> GuestProcesses:
    """The process of a running guest that is in these groups."""
    text = Text("/proc/4321/cgroup", cgroup, NOW)
    return GuestProcesses({name: GuestProcess(name, 4321, {"cgroup": text}, {}, {})})


def tenant(**limits: int) -> Policy:
    """A policy with one class that all guests are in."""
    return replace(Policy(), limits=Limits(classes={"tenant": GuestClass(guests=("*",), **limits)}))


def memtune(limit: str) -> str:
    """A guest's memory limits."""
    return f"<memtune>{limit}</memtune>"
