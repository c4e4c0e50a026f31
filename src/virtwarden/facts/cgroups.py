"""Control groups: which version holds for which controller, and what the guests' own groups are held to.

A process's groups are what /proc/PID/cgroup says. Their names are escaped, shortened and nested differently by
every version of libvirt and systemd, so that they are never made up here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.mounts import Mounts
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.formats.digits import whole
from virtwarden.host import Absent, Host, Source, Unknown, Want, reading
from virtwarden.model import Evidence

_OWN = re.compile(r"/machine-qemu|/qemu-\d+-|\.libvirt-qemu(?:/|$)|/libvirt/qemu/")
_LIMIT_FILES = {1: "memory.limit_in_bytes", 2: "memory.max"}
_UNLIMITED = 1 << 62
"""Version 1 spells no limit as the largest number of whole pages."""
_UNLIMITED_KIB = (1 << 53) - 4
"""libvirt's own number for no limit."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted tree of groups: version 1 with its controllers, or version 2 with all the rest."""

    version: int
    target: str
    controllers: frozenset[str]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The hierarchies that are mounted."""

    hierarchies: tuple[Hierarchy, ...]

    wants: ClassVar[tuple[Want, ...]] = ()

    def of(self, controller: str) -> Hierarchy:
        """The hierarchy that has a controller. Raises `Absent` where none is mounted."""
        ones = (h for h in self.hierarchies if h.version == 1 and controller in h.controllers)
        found = next(ones, None) or next((h for h in self.hierarchies if h.version == 2), None)
        if found is None:
            raise Absent(f"no hierarchy of control groups with {controller} is mounted")
        return found

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Raises `Unknown` where the mounts are not known."""
        live = host.get(Mounts).live
        if isinstance(live, Unknown):
            raise Unknown(f"which version of control groups the host has: {live}", *live.evidence)
        kinds = {"cgroup": 1, "cgroup2": 2}
        return cls(
            tuple(
                Hierarchy(kinds[row.kind], row.target, frozenset(row.options), live.cite(row))
                for row in live.rows
                if row.kind in kinds
            )
        )


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a process: its path below the hierarchy's mount and the line that says so. `controllers` are
    empty for version 2."""

    controllers: tuple[str, ...]
    path: str
    evidence: Evidence

    @property
    def is_own(self) -> bool:
        """Whether it is one that libvirt made for a guest."""
        return _OWN.search(self.path) is not None


def groups_of(process: GuestProcess) -> tuple[Group, ...]:
    """The groups that a guest's process is in. Raises `Unknown`."""
    text = process.text("cgroup")
    found: list[Group] = []
    for number, line in enumerate(text.lines, 1):
        words = line.split(":", 2)
        if len(words) == 3 and words[2].startswith("/"):
            found.append(Group(tuple(filter(None, words[1].split(","))), words[2], text.cite(number)))
    return tuple(found)


def group_for(process: GuestProcess, controller: str) -> Group:
    """The group that counts for a controller. Raises `Unknown`."""
    groups = groups_of(process)
    named = next((group for group in groups if controller in group.controllers), None)
    found = named or next((group for group in groups if not group.controllers), None)
    if found is None:
        raise Unknown(f"process {process.pid} of guest {process.guest} is in no group for {controller}")
    return found


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """What a guest's group, or one above it, holds it to; `kib` is None where nothing does. `refusal` says which
    of them could not be read."""

    kib: int | None
    evidence: Evidence
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """The limits of the running guests that are meant to have one, by name; `refused` why some are not known."""

    limits: Mapping[str, MemoryLimit] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files of all their groups in one go."""
        files: dict[str, list[str]] = {}
        refused: dict[str, str] = {}
        for guest in host.get(Guests).guests:
            if guest.running and wanted_limit(guest) is not None:
                try:
                    files[guest.name] = list(_limit_files(host, guest))
                except (Absent, Unknown) as refusal:
                    refused[guest.name] = str(refusal)
        host.source.fetch(reading(path) for paths in files.values() for path in paths)
        limits: dict[str, MemoryLimit] = {}
        for name, paths in files.items():
            try:
                limits[name] = _lowest(host.source, paths)
            except Unknown as refusal:
                refused[name] = str(refusal)
        return cls(limits, refused)


def wanted_limit(guest: Guest) -> int | None:
    """The `hard_limit` that a guest is meant to have, in KiB: that on disk, else that of its running XML."""
    return next((limit for limit in map(hard_limit, guest.definitions) if limit is not None), None)


def hard_limit(definition: Definition) -> int | None:
    """The `hard_limit` of a definition in KiB; None where it has none, or the number that stands for none."""
    limit = definition.memtune("hard_limit")
    return None if limit is None or limit >= _UNLIMITED_KIB else limit


def _limit_files(host: Host, guest: Guest) -> Iterator[str]:
    """The files of the guest's group and of those above it, the nearest first."""
    process = host.get(GuestProcesses).processes.get(guest.name)
    if process is None:
        raise Unknown(f"the process of guest {guest.name} was not found")
    hierarchy = host.get(Cgroups).of("memory")
    path = group_for(process, "memory").path
    if ".." in path.split("/"):
        raise Unknown(f"the group {path} of guest {guest.name} is outside of what can be seen from here")
    while path not in ("", "/"):
        yield f"{hierarchy.target.rstrip('/')}{path}/{_LIMIT_FILES[hierarchy.version]}"
        path = path.rpartition("/")[0]


def _lowest(source: Source, paths: list[str]) -> MemoryLimit:
    found: list[tuple[int, Evidence]] = []
    nothing: Evidence | None = None
    refusal = ""
    for path in paths:
        try:
            text = source.read(path)
        except Absent:
            continue  # a group inside the guest's own that the controller is not passed on to
        except Unknown as refused:
            refusal = refusal or str(refused)
            continue
        limit = whole(text.text.strip())
        if limit is not None and limit < _UNLIMITED:
            found.append((limit // 1024, text.cite(1)))
        else:
            nothing = nothing or text.cite(1)
    if found:
        kib, evidence = min(found, key=lambda each: each[0])
        return MemoryLimit(kib, evidence, refusal)
    if nothing is None:
        raise Unknown(refusal or "its group has no limit that could be read")
    return MemoryLimit(None, nothing, refusal)
