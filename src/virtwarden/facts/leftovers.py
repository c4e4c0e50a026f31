"""What libvirt leaves on disk of guests' memory and state: saved guests, dumps, memory of snapshots, TPM state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.formats import Malformed, xmltext
from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking, reading
from virtwarden.model import Evidence

_STATE = "/var/lib/libvirt/qemu"
_MEMORY = {
    f"{_STATE}/save/*": "saved guest",
    f"{_STATE}/dump/*": "memory dump",
    f"{_STATE}/ram/*": "guest memory in a file",
    f"{_STATE}/ram/*/*": "guest memory in a file",
}
_SNAPSHOTS = f"{_STATE}/snapshot/*/*.xml"
_TPM = "/var/lib/libvirt/swtpm/*/tpm*"
_NVRAM = f"{_STATE}/nvram/*"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One file; `guest` is the guest whose name it bears, empty where that cannot be told."""

    path: str
    what: str
    guest: str
    stat: Stat | Absent | Unknown
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Leftovers:
    """`memory` are files that hold guests' memory; `former` the disks that snapshots remember, by guest; `state`
    what holds firmware variables and TPM state; `unread` where there may be more."""

    memory: tuple[Leftover, ...]
    former: dict[str, tuple[str, ...]]
    state: tuple[Leftover, ...]
    looked_in: tuple[str, ...]
    unread: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(looking(pattern) for pattern in _MEMORY),
        looking(_TPM),
        looking(_NVRAM),
        reading(_SNAPSHOTS),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """List libvirt's directories and read what its snapshots say."""
        host.get(Libvirt)
        source = host.source
        unread: list[Evidence] = []
        memory: list[Leftover] = []
        patterns = _MEMORY | _dump_directory(host)
        for pattern, what in patterns.items():
            memory.extend(_listed(source, pattern, what, unread))
        former: dict[str, tuple[str, ...]] = {}
        for path in _glob(source, _SNAPSHOTS, unread):
            guest = path.rsplit("/", 2)[1]
            memory.extend(_snapshot(source, path, guest, former, unread))
        state = (
            *_listed(source, _NVRAM, "firmware variables", unread),
            *_listed(source, _TPM, "TPM state", unread),
        )
        files = tuple(left for left in memory if not (isinstance(left.stat, Stat) and left.stat.kind == "dir"))
        places = (*(pattern.partition("/*")[0] for pattern in patterns), f"{_STATE}/snapshot")
        return cls(files, former, state, tuple(dict.fromkeys(places)), tuple(unread))


def _dump_directory(host: Host) -> dict[str, str]:
    try:
        place = host.get(QemuConf).auto_dump_path
    except (Absent, Unknown):
        return {}
    if place is None or not place.startswith("/"):
        return {}
    host.source.fetch([looking(f"{place.rstrip('/')}/*")])
    return {f"{place.rstrip('/')}/*": "memory dump"}


def _glob(source: Source, pattern: str, unread: list[Evidence]) -> list[str]:
    try:
        return source.glob(pattern)
    except Unknown as refused:
        unread.append(Evidence(str(refused), path=pattern.partition("/*")[0]))
        return []


def _listed(source: Source, pattern: str, what: str, unread: list[Evidence]) -> list[Leftover]:
    return [_leftover(source, path, what, "", None) for path in _glob(source, pattern, unread)]


def _leftover(source: Source, path: str, what: str, guest: str, evidence: Evidence | None) -> Leftover:
    name = path.rpartition("/")[2]
    guest = guest or (name.removesuffix(".save") if what == "saved guest" else "")
    try:
        stat: Stat | Absent | Unknown = source.stat(path)
    except (Absent, Unknown) as refused:
        stat = refused
    seen = stat.cite() if isinstance(stat, Stat) else Evidence(what, path=path)
    return Leftover(path, what, guest, stat, evidence or seen)


def _snapshot(
    source: Source, path: str, guest: str, former: dict[str, tuple[str, ...]], unread: list[Evidence]
) -> list[Leftover]:
    try:
        text = source.read(path)
        root = xmltext.parse(text.text)
    except Absent:
        return []
    except (Unknown, Malformed) as wrong:
        unread.append(Evidence(str(wrong), path=path))
        return []
    sources = [element.get("file") for element in root.iterfind("domain/devices/disk/source")]
    former[guest] = (*former.get(guest, ()), *(name for name in sources if name))
    memory = root.find("memory")
    where = None if memory is None else memory.get("file")
    if memory is None or not where or memory.get("snapshot") != "external":
        return []
    source.fetch([looking(where)])
    found = _leftover(source, where, "memory of a snapshot", guest, text.cite(xmltext.line_of(memory)))
    return [] if isinstance(found.stat, Absent) else [found]
