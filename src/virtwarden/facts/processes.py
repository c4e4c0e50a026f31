"""The processes of running guests, as the kernel sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.guests import Guests
from virtwarden.host import Absent, Host, Source, Stat, Text, Unknown, Want, looking, reading
from virtwarden.model import Evidence

_HOST_NAMESPACE = "/proc/1/ns/mnt"
_TEXTS = ("status", "cmdline", "cgroup", "attr/current", "limits")
_LINKS = ("exe", "ns/mnt")


@dataclass(frozen=True, slots=True)
class GuestProcess:
    """One guest's QEMU process. What the kernel refused is missing from `texts` and `links`, with the reason
    in `refusals`."""

    guest: str
    pid: int
    texts: dict[str, Text]
    links: dict[str, Stat]
    refusals: dict[str, str]

    def text(self, name: str) -> Text:
        """/proc/PID/`name`: status, cmdline, cgroup, attr/current or limits. Raises `Unknown`."""
        if name not in self.texts:
            raise Unknown(f"process {self.pid} of guest {self.guest}: {self.refusals.get(name, 'not read')}")
        return self.texts[name]

    def link(self, name: str) -> Stat:
        """Where /proc/PID/`name` leads: exe or ns/mnt. Raises `Unknown`."""
        if name not in self.links:
            raise Unknown(f"process {self.pid} of guest {self.guest}: {self.refusals.get(name, 'not read')}")
        return self.links[name]

    def status(self, field: str) -> tuple[str, Evidence]:
        """A field of /proc/PID/status with its line. Raises `Unknown`."""
        text = self.text("status")
        for number, line in enumerate(text.lines, 1):
            if line.startswith(field + ":"):
                return line.partition(":")[2].strip(), text.cite(number)
        raise Unknown(f"process {self.pid} of guest {self.guest}: its status has no {field}", text.cite())

    @property
    def argv(self) -> tuple[str, ...]:
        """Its command line. Raises `Unknown`."""
        return tuple(self.text("cmdline").text.rstrip("\0").split("\0"))

    @property
    def label(self) -> str:
        """Its security label as the kernel spells it. Raises `Unknown`."""
        return self.text("attr/current").text.rstrip("\0\n")


@dataclass(frozen=True, slots=True)
class GuestProcesses:
    """The process of each running guest, by the guest's name, and the host's own mount namespace.

    `ended` are guests whose process was gone when it was looked at.
    """

    processes: dict[str, GuestProcess]
    host_namespace: str | None = None
    ended: frozenset[str] = frozenset()

    wants: ClassVar[tuple[Want, ...]] = (looking(_HOST_NAMESPACE),)

    @classmethod
    def further(cls, host: Host) -> Iterator[Want]:
        """The files of each process."""
        for pid in _pids(host).values():
            yield from (reading(f"/proc/{pid}/{name}") for name in _TEXTS)
            yield from (looking(f"/proc/{pid}/{name}") for name in _LINKS)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look at /proc for every guest that runs. Raises `Unknown` where it is not known which do."""
        host.source.fetch(cls.further(host))
        pids = _pids(host)
        found = {name: _process(host.source, name, pid) for name, pid in pids.items()}
        ended = {name for name, process in found.items() if process is None}
        alive = {name: process for name, process in found.items() if process is not None}
        return cls(alive, _namespace(host.source), frozenset(ended))


def _pids(host: Host) -> dict[str, int]:
    known = host.get(Guests)
    if known.liveness is not None:
        raise Unknown(f"which guests run: {known.liveness}")
    return {guest.name: guest.pid for guest in known.guests if guest.running and guest.pid}


def _process(source: Source, guest: str, pid: int) -> GuestProcess | None:
    texts: dict[str, Text] = {}
    links: dict[str, Stat] = {}
    refusals: dict[str, str] = {}
    for name in _TEXTS:
        try:
            texts[name] = source.read(f"/proc/{pid}/{name}")
        except (Absent, Unknown) as refused:
            if name == "status" and isinstance(refused, Absent):
                return None
            refusals[name] = str(refused)
    for name in _LINKS:
        try:
            links[name] = source.stat(f"/proc/{pid}/{name}")
        except (Absent, Unknown) as refused:
            refusals[name] = str(refused)
    return GuestProcess(guest, pid, texts, links, refusals)


def _namespace(source: Source) -> str | None:
    try:
        return source.stat(_HOST_NAMESPACE).inode
    except (Absent, Unknown):
        return None
