"""Whether libvirt is here, which of its daemons, and where their settings are.

One monolithic `libvirtd`, or a daemon a driver (`virtqemud`, `virtnetworkd` …) with `virtproxyd` at the
network. Editing the wrong daemon's file changes nothing, so every control asks here which one counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking, running
from virtwarden.model import Evidence

DAEMONS = (
    "libvirtd",
    "virtqemud",
    "virtproxyd",
    "virtnetworkd",
    "virtnwfilterd",
    "virtsecretd",
    "virtstoraged",
    "virtnodedevd",
    "virtinterfaced",
    "virtlogd",
    "virtlockd",
)
_DIRECTORIES = ("/usr/sbin", "/usr/bin", "/usr/local/sbin")
_MODULAR_SIGNS = (
    "/run/virtqemud.pid",
    "/etc/systemd/system/sockets.target.wants/virtqemud.socket",
    "/etc/systemd/system/multi-user.target.wants/virtqemud.service",
)
_MONOLITHIC_SIGNS = (
    "/run/libvirtd.pid",
    "/var/run/libvirtd.pid",
    "/run/libvirt/libvirtd.pid",
    "/etc/systemd/system/sockets.target.wants/libvirtd.socket",
    "/etc/systemd/system/multi-user.target.wants/libvirtd.service",
)
_CONF_SIGNS = ("/etc/libvirt/libvirtd.conf", "/etc/libvirt/virtqemud.conf", "/etc/libvirt/qemu.conf")


@dataclass(frozen=True, slots=True)
class Libvirt:
    """The libvirt of a host.

    `version` is (major, minor, micro), None where it could not be told.
    """

    installed: frozenset[str]
    modular: bool
    monolithic: bool = True
    version: tuple[int, int, int] | None = None
    evidence: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(looking(f"{directory}/{daemon}") for directory in _DIRECTORIES for daemon in DAEMONS),
        *(looking(path) for path in (*_MODULAR_SIGNS, *_MONOLITHIC_SIGNS, *_CONF_SIGNS)),
        running("libvirtd", "--version"),
        running("virtqemud", "--version"),
    )

    @property
    def remote_daemon(self) -> str:
        """The daemon that listens for TCP and TLS clients."""
        return "virtproxyd" if self.modular else "libvirtd"

    @property
    def qemu_daemon(self) -> str:
        """The daemon that runs the guests."""
        return "virtqemud" if self.modular else "libvirtd"

    def at_least(self, *version: int) -> bool | None:
        """Whether libvirt is of this version or later; None where its version is not known."""
        return None if self.version is None else self.version >= version

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look for the daemons, then for signs of which kind is in use."""
        binaries, refused = _binaries(host.source)
        if not binaries:
            signs = _present(host.source, _CONF_SIGNS)
            if not signs and refused is not None:
                raise Unknown(f"whether libvirt is installed: {refused}", *refused.evidence)
            if not signs:
                raise Absent("libvirt is not installed")
            binaries = {"virtqemud" if "virtqemud" in sign.path else "libvirtd": sign for sign in signs}
        modular, monolithic = _flavour(host.source, frozenset(binaries))
        version, said = _version(host.source, "virtqemud" if modular else "libvirtd")
        evidence = (*(stat.cite() for stat in binaries.values()), *said)
        return cls(frozenset(binaries), modular, monolithic, version, evidence)


def _binaries(source: Source) -> tuple[dict[str, Stat], Unknown | None]:
    found: dict[str, Stat] = {}
    refused: Unknown | None = None
    for daemon in DAEMONS:
        for directory in _DIRECTORIES:
            try:
                found[daemon] = source.stat(f"{directory}/{daemon}")
                break
            except Absent:
                continue
            except Unknown as unknown:
                refused = unknown
    return (found if {"libvirtd", "virtqemud"} & found.keys() else {}), refused


def _present(source: Source, paths: tuple[str, ...]) -> list[Stat]:
    found: list[Stat] = []
    for path in paths:
        try:
            found.append(source.stat(path))
        except (Absent, Unknown):
            continue
    return found


def _flavour(source: Source, installed: frozenset[str]) -> tuple[bool, bool]:
    """(modular, monolithic) daemons in use; both where a host runs both, which is a mistake."""
    modular = "virtqemud" in installed and bool(_present(source, _MODULAR_SIGNS))
    monolithic = "libvirtd" in installed and bool(_present(source, _MONOLITHIC_SIGNS))
    if not modular and not monolithic:
        return "libvirtd" not in installed, "libvirtd" in installed
    return modular, monolithic


def _version(source: Source, daemon: str) -> tuple[tuple[int, int, int] | None, tuple[Evidence, ...]]:
    try:
        said = source.run(daemon, "--version")
    except (Absent, Unknown):
        return None, ()
    number = re.search(r"(\d+)\.(\d+)\.(\d+)", said.stdout)
    if said.code != 0 or number is None:
        return None, ()
    major, minor, micro = map(int, number.groups())
    return (major, minor, micro), (said.cite(),)
