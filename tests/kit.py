"""Worlds for tests in one line: hosts made of a few texts, and hosts that refuse everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from virtwarden.control import Control
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.formats import xmltext
from virtwarden.host import Absent, Fact, Head, Host, Output, Source, Stat, Text, Unknown, Want
from virtwarden.model import HOST as _HOST
from virtwarden.model import Finding, Result, State

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

SEEN: dict[str, set[str]] = {}
"""Every result that a control was seen to give in this run, by the control's id."""


def entry(path: str, **fields: object) -> Stat:
    """A stat of a root-owned 0644 file, with other fields given by name."""
    plain = Stat(
        path=path, real=path, kind="file", mode=0o644, uid=0, gid=0, owner="root", group="root", size=0,
        links=1, inode=f"1:{abs(hash(path)) % 10**6}", mtime=0, label=None, at=NOW,
    )  # fmt: skip
    return replace(plain, **fields)  # type: ignore[arg-type]


@dataclass
class Made:
    """A source made of texts. Paths and commands that it does not know are absent; a value that is an
    `Unknown` or `Absent` is raised. `commands` maps an argv to its standard output, or to (code, output)."""

    files: Mapping[str, str | bytes | Unknown | Absent] = field(default_factory=dict)
    stats: Mapping[str, Stat | Unknown] = field(default_factory=dict)
    commands: Mapping[tuple[str, ...], str | tuple[int, str] | Unknown | Absent] = field(default_factory=dict)
    name: str = "a made host"
    taken_at: datetime = NOW

    def read(self, path: str) -> Text:
        found = self._file(path)
        return Text(path, found.decode("utf-8", "surrogateescape"), NOW)

    def head(self, path: str, length: int) -> Head:
        return Head(path, self._file(path)[:length], NOW)

    def _file(self, path: str) -> bytes:
        found = self.files.get(path)
        if found is None:
            raise Absent(f"there is no {path}")
        if isinstance(found, Unknown | Absent):
            raise found
        return found if isinstance(found, bytes) else found.encode("utf-8", "surrogateescape")

    def glob(self, pattern: str) -> list[str]:
        refused = self.files.get(pattern)
        if isinstance(refused, Unknown):
            raise refused
        depth = pattern.count("/")
        paths = {*self.files, *self.stats}
        return sorted(path for path in paths if path.count("/") == depth and fnmatchcase(path, pattern))

    def stat(self, path: str) -> Stat:
        found = self.stats.get(path)
        if isinstance(found, Unknown):
            raise found
        if found is not None:
            return found
        if path in self.files:
            data = self.files[path]
            if isinstance(data, Absent):
                raise data
            return entry(path, size=len(data) if isinstance(data, str | bytes) else 0)
        if any(other.startswith(path.rstrip("/") + "/") for other in (*self.files, *self.stats)):
            return entry(path, kind="dir", mode=0o755)
        raise Absent(f"there is no {path}")

    def run(self, *argv: str) -> Output:
        found = self.commands.get(argv)
        if found is None:
            raise Absent(f"{argv[0]} is not installed")
        if isinstance(found, Unknown | Absent):
            raise found
        code, stdout = found if isinstance(found, tuple) else (0, found)
        return Output(argv, code, stdout, "", NOW)

    def fetch(self, wants: Iterable[Want]) -> None:
        """Nothing is far away."""


@dataclass
class Refusing:
    """A source that refuses every question."""

    name: str = "a host that answers nothing"
    taken_at: datetime = NOW

    def read(self, path: str) -> Text:
        raise Unknown(f"{path}: permission denied")

    def head(self, path: str, length: int) -> Head:
        raise Unknown(f"{path}: permission denied")

    def glob(self, pattern: str) -> list[str]:
        raise Unknown(f"{pattern}: permission denied")

    def stat(self, path: str) -> Stat:
        raise Unknown(f"{path}: permission denied")

    def run(self, *argv: str) -> Output:
        raise Unknown(f"{argv[0]}: permission denied")

    def fetch(self, wants: Iterable[Want]) -> None:
        """There is nothing to be had."""


def made(
    *known: Fact,
    files: Mapping[str, str | bytes | Unknown | Absent] | None = None,
    stats: Mapping[str, Stat | Unknown] | Sequence[Stat] | None = None,
    commands: Mapping[tuple[str, ...], str | tuple[int, str] | Unknown | Absent] | None = None,
) -> Host:
    """A host made of known facts and texts."""
    listed = stats if isinstance(stats, Mapping) or stats is None else {stat.path: stat for stat in stats}
    source: Source = Made(files or {}, listed or {}, commands or {})
    return Host(source, *known)


def refusing() -> Host:
    """A host that refuses every question."""
    return Host(Refusing())


def judge(control: Control, host: Host) -> list[Finding]:
    """All findings of a control on a host, those of a check that ends in a refusal too."""
    findings: list[Finding] = []
    try:
        findings.extend(control.check(host))
    except Absent as absent:
        findings.append(Finding(_HOST, Result.NOTAPPLICABLE, str(absent)))
    except Unknown as refused:
        findings.append(Finding(_HOST, Result.UNKNOWN, str(refused)))
    SEEN.setdefault(control.id, set()).update(finding.result.value for finding in findings)
    return findings


def results(control: Control, host: Host) -> list[str]:
    """The result words of a control's findings, in order."""
    return [finding.result.value for finding in judge(control, host)]


def domain(devices: str = "", *, name: str = "web", extra: str = "", kind: str = "kvm") -> str:
    """The XML of a small guest with these devices, and further elements of the domain itself."""
    return (
        f"<domain type='{kind}'>\n  <name>{name}</name>\n"
        "  <uuid>11111111-2222-3333-4444-555555555555</uuid>\n"
        "  <memory unit='KiB'>1048576</memory>\n  <vcpu>2</vcpu>\n"
        "  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>\n"
        f"  {extra}\n  <devices>\n    {devices}\n  </devices>\n</domain>\n"
    )


def guest(
    devices: str = "",
    *,
    name: str = "web",
    extra: str = "",
    kind: str = "kvm",
    running: bool = False,
    pid: int = 4321,
) -> Guest:
    """A guest of that XML, on disk, and in force too if it runs."""
    xml = domain(devices, name=name, extra=extra, kind=kind)
    path = f"/etc/libvirt/qemu/{name}.xml"
    on_disk = Definition(xmltext.parse(xml), State.ON_DISK, Text(path, xml, NOW))
    live = Definition(xmltext.parse(xml), State.IN_FORCE, Text(f"/run/libvirt/qemu/{name}.xml", xml, NOW))
    uuid = "11111111-2222-3333-4444-555555555555"
    return Guest(name, uuid, on_disk, live if running else None, 4321 if running else None)


def guests(*members: Guest) -> Guests:
    """The fact that the host has just these guests."""
    return Guests(tuple(members))
