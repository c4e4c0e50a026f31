"""Programs that a host of guests has no use for: compilers, and clients of protocols without encryption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Stat, Unknown, Want, looking

PROGRAMS = "/usr/bin"
KINDS = {
    "a compiler": ("gcc", "cc", "g++", "c++", "clang", "tcc", "rustc", "go", "nasm"),
    "a build tool": ("make", "gmake", "ninja"),
    "a client without encryption": ("telnet", "inetutils-telnet", "rsh", "rlogin", "rcp"),
}
_PATHS = {f"{PROGRAMS}/{name}": kind for kind, names in KINDS.items() for name in names}


@dataclass(frozen=True, slots=True)
class BuildTools:
    """Those that are there, once each however many names they have, with their kind; `unread` are paths that were
    refused; `directory` is where all of them would be."""

    programs: tuple[tuple[Stat, str], ...]
    unread: dict[str, str]
    directory: Stat

    wants: ClassVar[tuple[Want, ...]] = tuple(looking(path) for path in (*_PATHS, PROGRAMS))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look at each. Raises `Absent` where there is no directory of programs."""
        found: dict[str, tuple[Stat, str]] = {}
        unread: dict[str, str] = {}
        for path, kind in _PATHS.items():
            try:
                stat = host.source.stat(path)
            except Absent:
                continue
            except Unknown as refused:
                unread[path] = str(refused)
                continue
            if not _is_ssh(stat):
                found.setdefault(stat.real, (stat, kind))
        return cls(tuple(found.values()), unread, host.source.stat(PROGRAMS))


def _is_ssh(stat: Stat) -> bool:
    """Whether a name of old is SSH's, as Debian makes rsh and rcp."""
    return stat.real.rpartition("/")[2] in ("ssh", "slogin", "scp")
