"""libvirt's UNIX sockets: who may connect and how they must prove who they are, as configured and as it is.

A connection with write access is as good as a root shell, and so is one to the daemon's administration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.daemon_conf import DaemonConf, DaemonConfs
from virtwarden.facts.daemon_units import DaemonUnits
from virtwarden.facts.libvirt import DAEMONS, Libvirt
from virtwarden.facts.units import Units
from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking
from virtwarden.model import Evidence

_DIRECTORIES = ("/run/libvirt", "/var/run/libvirt")
_ADMINISTERED_SINCE = (1, 3)
_KEEPERS = ("virtlogd", "virtlockd")  # whose sockets take no management and are root's alone


@dataclass(frozen=True, slots=True)
class Access:
    """How a socket is set up: the authentication it asks for, and its mode. `unit` opens it, None if the
    daemon does."""

    authentication: str
    mode: int
    evidence: tuple[Evidence, ...]
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """One socket with write access. `live` is None where it is not there now; refusals stand where it could not
    be told."""

    name: str
    daemon: str
    conf: DaemonConf | Unknown
    access: Access | Unknown
    live: Stat | Unknown | None = None
    administers: bool = False


@dataclass(frozen=True, slots=True)
class UnixSockets:
    """Those of all daemons in use."""

    sockets: tuple[UnixSocket, ...]

    wants: ClassVar[tuple[Want, ...]] = tuple(looking(f"{directory}/*-sock") for directory in _DIRECTORIES)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Put together what conf files and socket units say, and look at the sockets."""
        libvirt = host.get(Libvirt)
        modular = [name for name in DAEMONS if name != "libvirtd" and name not in _KEEPERS]
        daemons = [
            name
            for name in DAEMONS
            if name in libvirt.installed
            and ((libvirt.modular and name in modular) or (libvirt.monolithic and name == "libvirtd"))
        ]
        kinds = ("",) if libvirt.at_least(*_ADMINISTERED_SINCE) is False else ("", "-admin")
        return cls(tuple(_socket(host, name, admin) for name in daemons for admin in kinds))


def _socket(host: Host, daemon: str, admin: str) -> UnixSocket:
    stem = "libvirt" if daemon == "libvirtd" or (daemon == "virtproxyd" and not admin) else daemon
    name = f"{stem}{admin}-sock"
    conf: DaemonConf | Unknown
    access: Access | Unknown
    try:
        conf = host.get(DaemonConfs).of(daemon)
        access = _access(host, daemon, admin, conf)
    except Unknown as refused:
        conf = access = refused
    return UnixSocket(name, daemon, conf, access, _live(host.source, name), bool(admin))


def _access(host: Host, daemon: str, admin: str, conf: DaemonConf) -> Access:
    unit = host.get(DaemonUnits).socket(f"{daemon}{admin}.socket") if _is_opened_by_unit(host, daemon) else None
    perms = "unix_sock_admin_perms" if admin else "unix_sock_rw_perms"
    # Nobody is asked who he is at the administration socket: its mode is all that guards it.
    authentication = "none" if admin else conf.auth_unix_rw or "polkit"
    asked = () if admin else (conf.cite("auth_unix_rw"),)
    if unit is not None:
        return Access(authentication, unit.mode, (*asked, unit.mode_evidence), unit.name)
    try:
        mode = int(getattr(conf, perms), 8)
    except ValueError:
        raise Unknown(f"{conf.path}: {perms} is no mode; libvirt refuses the file", conf.cite(perms)) from None
    return Access(authentication, mode, (*asked, conf.cite(perms)))


def _is_opened_by_unit(host: Host, daemon: str) -> bool:
    """Whether the daemon leaves its sockets to their units; not where they are known to be turned off, and its service
    does not start them either."""
    states = host.get(Units)
    return f"{daemon}.socket" not in states.files or host.get(DaemonUnits).activated(daemon, states)


def _live(source: Source, name: str) -> Stat | Unknown | None:
    refusal: Unknown | None = None
    for directory in _DIRECTORIES:
        try:
            return source.stat(f"{directory}/{name}")
        except Absent:
            continue
        except Unknown as unknown:
            refusal = unknown
    return refusal
