"""How libvirt's daemons are started: their socket units with drop-ins, and the arguments they get.

A socket unit decides alone where its daemon listens and who may connect; without one the daemon opens its
sockets itself, as its conf file and its arguments say. Hosts without systemd have the arguments only.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Self

from virtwarden.facts.libvirt import DAEMONS, Libvirt
from virtwarden.facts.units import Units
from virtwarden.formats import Malformed, ini, keyvalue
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

# What stands in an earlier directory masks the same name in a later one.
_DIRECTORIES = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_PATTERNS = ("libvirtd*.socket", "libvirtd*.service", "virt*d*.socket", "virt*d.service", "libvirt-bin.service")
_TAKE_A_VALUE = "pft"
_FIRST_PROCESS = "/proc/1/comm"


@dataclass(frozen=True, slots=True)
class SocketUnit:
    """A socket unit as its file and drop-ins make it. `mode` is that of its UNIX sockets."""

    name: str
    streams: tuple[str, ...]
    mode: int
    evidence: Evidence
    mode_evidence: Evidence
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """What a daemon is started with, and the line that says so; `pulls` are the units that start with it."""

    arguments: tuple[str, ...] = ()
    evidence: Evidence | None = None
    config: str | None = None
    pulls: frozenset[str] = frozenset()

    @property
    def listens(self) -> bool:
        """Whether it is told to listen for the network, which is libvirtd's `--listen`."""
        return any(_is_listen(word) for word in self.arguments)


@dataclass(frozen=True, slots=True)
class DaemonUnits:
    """The socket units by name and the services by daemon. `refused` holds what could not be read, by unit; `heeded`
    is False where another init runs than systemd, to which unit files mean nothing."""

    sockets: Mapping[str, SocketUnit] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    heeded: bool = True

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(f"{directory}/{pattern}") for directory in _DIRECTORIES for pattern in _PATTERNS),
        *(reading(f"{directory}/{pattern}.d/*.conf") for directory in _DIRECTORIES for pattern in _PATTERNS),
        *(reading(f"/etc/{directory}/{daemon}") for directory in ("default", "sysconfig") for daemon in DAEMONS),
        reading("/etc/default/libvirt-bin"),
        reading(_FIRST_PROCESS),
    )

    def socket(self, name: str) -> SocketUnit | None:
        """The socket unit; None where the host has none or it is masked. Raises `Unknown`."""
        if name in self.refused:
            raise Unknown(self.refused[name])
        unit = self.sockets.get(name)
        return None if unit is None or unit.masked else unit

    def service(self, daemon: str) -> Service:
        """How the daemon is started. Raises `Unknown`."""
        if daemon in self.refused:
            raise Unknown(self.refused[daemon])
        return self.services.get(daemon, Service())

    def activated(self, daemon: str, units: Units) -> bool:
        """Whether a socket unit opens the daemon's sockets: one that is enabled, or that its service starts even
        where it is not. Raises `Unknown`."""
        name = f"{daemon}.socket"
        if self.socket(name) is None:
            return False
        return units.enabled(name) is not None or name in self.service(daemon).pulls

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the unit files with their drop-ins, and the files of arguments."""
        libvirt = host.get(Libvirt)
        heeded = _heeds_units(host.source)
        files = _unit_files(host.source) if heeded else {}
        sockets: dict[str, SocketUnit] = {}
        services: dict[str, Service] = {}
        refused: dict[str, str] = {}
        for name in (name for name in files if name.endswith(".socket")):
            try:
                sockets[name] = _socket(host.source, name, files[name])
            except Unknown as unknown:
                refused[name] = str(unknown)
        for daemon in sorted(libvirt.installed):
            paths = files.get(f"{daemon}.service") or (
                files.get("libvirt-bin.service") if daemon == "libvirtd" else None
            )
            try:
                services[daemon] = _service(host.source, daemon, paths or [])
            except Unknown as unknown:
                refused[daemon] = str(unknown)
        return cls(sockets, services, refused, heeded)


def _heeds_units(source: Source) -> bool:
    """Whether unit files are read here: what does not run, or does not tell, is taken for a system with systemd."""
    try:
        return source.read(_FIRST_PROCESS).text.strip() in ("systemd", "")
    except (Absent, Unknown):
        return True


def _unit_files(source: Source) -> dict[str, list[str]]:
    """For each unit its file and then its drop-ins in the order in which they are laid over it."""
    units: dict[str, str] = {}
    drop_ins: dict[str, dict[str, str]] = {}
    for directory in reversed(_DIRECTORIES):
        for pattern in _PATTERNS:
            for path in _matching(source, f"{directory}/{pattern}"):
                units[path.rpartition("/")[2]] = path
            for path in _matching(source, f"{directory}/{pattern}.d/*.conf"):
                *_, folder, name = path.split("/")
                drop_ins.setdefault(folder.removesuffix(".d"), {})[name] = path
    return {
        unit: [path, *(drop_ins[unit][name] for name in sorted(drop_ins.get(unit, {})))]
        for unit, path in units.items()
    }


def _matching(source: Source, pattern: str) -> list[str]:
    try:
        return source.glob(pattern)
    except Unknown:
        if pattern.startswith("/run/"):
            return []  # what is set for this boot alone; images and archives do not have it
        raise


def _entries(source: Source, paths: Iterable[str]) -> tuple[tuple[ini.Entry, ...], dict[str, Text]] | None:
    """All entries of a unit; None where it is masked."""
    entries: list[ini.Entry] = []
    texts: dict[str, Text] = {}
    for number, path in enumerate(paths):
        if number == 0 and source.stat(path).real == "/dev/null":
            return None
        try:
            texts[path] = source.read(path)
            entries.extend(ini.parse(texts[path].text, path))
        except Absent as absent:
            raise Unknown(str(absent)) from None
        except Malformed as wrong:
            raise Unknown(f"{path}: {wrong}") from None
    return tuple(entries), texts


def _socket(source: Source, name: str, paths: list[str]) -> SocketUnit:
    read = _entries(source, paths)
    if read is None:
        masked = Evidence("masked by a link to /dev/null", path=paths[0])
        return SocketUnit(name, (), 0, masked, masked, masked=True)
    entries, texts = read
    streams = ini.every(entries, "Socket", "ListenStream")
    mode = ini.last(entries, "Socket", "SocketMode")
    whole = texts[paths[0]].cite(text="SocketMode is not set; systemd takes 0666")
    return SocketUnit(
        name,
        tuple(entry.value for entry in streams),
        _octal(mode.value) if mode is not None else 0o666,
        texts[streams[-1].path].cite(streams[-1].line)
        if streams
        else texts[paths[0]].cite(text="no ListenStream"),
        texts[mode.path].cite(mode.line) if mode is not None else whole,
    )


def _octal(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError:
        return 0o666  # systemd passes over what it cannot read


def _service(source: Source, daemon: str, paths: list[str]) -> Service:
    read = _entries(source, paths)
    if read is None:
        return Service()
    entries, texts = read
    variables: dict[str, tuple[str, Evidence]] = {}
    for entry in ini.every(entries, "Service", "Environment"):
        for word in _words(entry.value):
            name, _, value = word.partition("=")
            variables[name] = value, texts[entry.path].cite(entry.line)
    listed = [entry.value.removeprefix("-") for entry in ini.every(entries, "Service", "EnvironmentFile")]
    for path in listed or _argument_files(daemon):
        variables.update(_assigned(source, path))
    commands = ini.every(entries, "Service", "ExecStart")
    words: list[str] = []
    evidence: Evidence | None = None
    if commands:
        evidence = texts[commands[-1].path].cite(commands[-1].line)
    for word in _words(commands[-1].value)[1:] if commands else [f"${name}" for name in _variables(daemon)]:
        name = word.lstrip("$").strip("{}")
        if not word.startswith("$"):
            words.append(word)
        elif name in variables:
            value, evidence = variables[name]
            words.extend(_words(value))
    config = variables.get("LIBVIRTD_CONFIG")
    conf = _config(words) or (config[0] if config and not commands else None)
    return Service(tuple(words), evidence, conf, frozenset(_pulled(entries)))


def _pulled(entries: tuple[ini.Entry, ...]) -> Iterator[str]:
    for key in ("Wants", "Requires", "BindsTo"):
        for entry in ini.every(entries, "Unit", key):
            yield from entry.value.split()


def _variables(daemon: str) -> tuple[str, ...]:
    return (f"{daemon.upper()}_ARGS", *(("libvirtd_opts",) if daemon == "libvirtd" else ()))


def _argument_files(daemon: str) -> tuple[str, ...]:
    names = (daemon, "libvirt-bin") if daemon == "libvirtd" else (daemon,)
    return tuple(f"/etc/{directory}/{name}" for name in names for directory in ("default", "sysconfig"))


def _assigned(source: Source, path: str) -> Iterator[tuple[str, tuple[str, Evidence]]]:
    try:
        text = source.read(path)
        for pair in keyvalue.assignments(text.text):
            yield pair.key, (pair.value, text.cite(pair.line))
    except Absent:
        return
    except Malformed as wrong:
        raise Unknown(f"{path}: {wrong}") from None


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _is_listen(word: str) -> bool:
    """Whether a word is `--listen`, shortened as getopt lets it be, or has `-l` among its letters."""
    if word.startswith("--"):
        return len(word) > 2 and "--listen".startswith(word)
    letters = word[1:] if word.startswith("-") else ""
    return "l" in letters and not any(letter in letters.partition("l")[0] for letter in _TAKE_A_VALUE)


def _config(words: list[str]) -> str | None:
    for word, following in pairwise((*words, "")):
        if word in ("-f", "--config"):
            return following or None
        if word.startswith("--config="):
            return word.partition("=")[2]
    return None
