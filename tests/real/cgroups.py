"""A cgroup of its own for each machine, so that a machine's libvirt sees a whole, empty tree.

Together with a cgroup namespace this makes `/machine/qemu-1-web…` inside a machine what it is on a
host of its own, keeps two machines apart, and leaves one folder a hierarchy to remove afterwards.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path("/sys/fs/cgroup")
_NOT_CONTROLLERS = frozenset({"rw", "ro", "xattr", "noprefix", "clone_children"})


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy: a set of version 1 controllers, or version 2."""

    mount: Path
    kind: str
    controllers: tuple[str, ...]

    @property
    def mount_argv(self) -> tuple[str, ...]:
        """The command that mounts this hierarchy again, as the caller's cgroup namespace sees it."""
        options = ("-o", ",".join(self.controllers)) if self.controllers else ()
        return ("mount", "-t", self.kind, *options, self.kind, str(self.mount))

    def shares(self, controller: str) -> bool:
        """Whether a new group of this hierarchy can use `controller`."""
        if self.is_unified:
            return controller in (self.mount / "cgroup.subtree_control").read_text().split()
        return controller in self.controllers

    @property
    def is_unified(self) -> bool:
        """Whether this is version 2, where a group with members cannot share controllers out."""
        return self.kind == "cgroup2"


def hierarchies(mountinfo: str) -> tuple[Hierarchy, ...]:
    """The cgroup hierarchies mounted below /sys/fs/cgroup, from the text of /proc/self/mountinfo."""
    return tuple(_hierarchies(mountinfo))


def _hierarchies(mountinfo: str) -> Iterator[Hierarchy]:
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split()
        mount = Path(left.split()[4])
        if kind == "cgroup2" and mount.is_relative_to(TOP):
            yield Hierarchy(mount, kind, ())
        if kind == "cgroup" and mount.is_relative_to(TOP):
            names = [o for o in options.split(",") if o not in _NOT_CONTROLLERS and "agent=" not in o]
            named = ("none",) if any(name.startswith("name=") for name in names) else ()
            yield Hierarchy(mount, kind, (*named, *names))


@dataclass(frozen=True, slots=True)
class CgroupTree:
    """The groups called `name`, one in each hierarchy of this machine."""

    name: str
    hierarchies: tuple[Hierarchy, ...]

    @classmethod
    def here(cls, name: str) -> "CgroupTree":
        """The tree for `name` over what is mounted now; nothing is made yet."""
        return cls(name, hierarchies(Path("/proc/self/mountinfo").read_text()))

    def shares(self, controller: str) -> bool:
        """Whether the machine's guests can be limited by `controller`."""
        return any(hierarchy.shares(controller) for hierarchy in self.hierarchies)

    def create(self) -> None:
        """Make the groups and let them use what this machine's own groups may use."""
        for hierarchy in self.hierarchies:
            group = hierarchy.mount / self.name
            group.mkdir()
            for key in ("cpuset.cpus", "cpuset.mems"):  # a version 1 cpuset takes no process without them
                if "cpuset" in hierarchy.controllers:
                    (group / key).write_text((hierarchy.mount / key).read_text())
            if hierarchy.is_unified:
                (group / "init").mkdir()

    def roots(self) -> tuple[Path, ...]:
        """The groups that are to become the roots of the machine's cgroup namespace."""
        return tuple(hierarchy.mount / self.name for hierarchy in self.hierarchies)

    def homes(self) -> tuple[Path, ...]:
        """The groups in which the machine's processes live: the roots, but a leaf of its own in version 2."""
        return tuple(
            hierarchy.mount / self.name / ("init" if hierarchy.is_unified else "")
            for hierarchy in self.hierarchies
        )

    def remove(self, patience: float = 5.0) -> None:
        """Remove the groups and all below them; the last member may take a moment to leave."""
        deadline = time.monotonic() + patience
        while self._left() and time.monotonic() < deadline:
            for group in self._left():
                with contextlib.suppress(OSError):  # still busy or just gone: the loop looks again
                    group.rmdir()
            time.sleep(0.02)
        if left := self._left():
            raise RuntimeError(f"cgroups are still in use: {', '.join(map(str, left))}")

    def _left(self) -> list[Path]:
        """What is there of the groups, the innermost first."""
        return [Path(group) for root in self.roots() for group, _, _ in os.walk(root, topdown=False)]


def joined(groups: tuple[Path, ...], argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv` started as a member of `groups`, by way of a shell that moves itself there first."""
    move = 'while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'
    return ("sh", "-c", move, "joined", *map(str, groups), "--", *argv)
