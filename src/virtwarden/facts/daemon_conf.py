"""The conf files of libvirt's daemons: libvirtd.conf, or virtproxyd.conf, virtqemud.conf and their kin.

All of them know the same keys; which file counts for what, `DaemonConfs` knows. Read at the daemon's start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.conffile import ConfText, read_conf, typed
from virtwarden.facts.daemon_units import DaemonUnits
from virtwarden.facts.libvirt import DAEMONS, Libvirt
from virtwarden.host import Absent, Host, Unknown, Want, reading
from virtwarden.model import Evidence


@dataclass(frozen=True, slots=True)
class DaemonConf:
    """One daemon's settings with libvirt's own defaults; None where the default depends on daemon or build."""

    file: ConfText = ConfText("/etc/libvirt/libvirtd.conf")

    listen_tls: bool | None = None
    listen_tcp: bool = False
    tls_port: str = "16514"
    tcp_port: str = "16509"
    listen_addr: str | None = None
    unix_sock_group: str | None = None
    unix_sock_ro_perms: str = "0777"
    unix_sock_rw_perms: str = "0777"
    unix_sock_admin_perms: str = "0700"
    unix_sock_dir: str | None = None
    auth_unix_ro: str | None = None
    auth_unix_rw: str | None = None
    auth_tcp: str = "sasl"
    auth_tls: str = "none"
    tcp_min_ssf: int = 56
    access_drivers: tuple[str, ...] = ()
    key_file: str | None = None
    cert_file: str | None = None
    ca_file: str | None = None
    crl_file: str | None = None
    cert_files: tuple[str, ...] = ()
    key_files: tuple[str, ...] = ()
    tls_no_sanity_certificate: bool = False
    tls_no_verify_certificate: bool = False
    tls_allowed_dn_list: tuple[str, ...] | None = None
    tls_priority: str | None = None
    sasl_allowed_username_list: tuple[str, ...] | None = None
    max_clients: int = 5000
    max_anonymous_clients: int = 20
    max_queued_clients: int = 1000
    audit_level: int = 1
    audit_logging: bool = False
    log_level: int | None = None
    log_filters: str | None = None
    log_outputs: str | None = None

    @property
    def path(self) -> str:
        """Where it was read."""
        return self.file.path

    def cite(self, key: str) -> Evidence:
        """The line that sets `key`, or that nothing does."""
        return self.file.cite(key)


@dataclass(frozen=True, slots=True)
class DaemonConfs:
    """The conf file of each daemon that is installed, and those that a daemon left behind."""

    confs: Mapping[str, DaemonConf] = field(default_factory=dict)
    refused: Mapping[str, Unknown] = field(default_factory=dict)
    libvirt: Libvirt = Libvirt(frozenset({"libvirtd"}), modular=False)

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(f"/etc/libvirt/{daemon}.conf") for daemon in DAEMONS)

    def of(self, daemon: str) -> DaemonConf:
        """One daemon's settings. Raises `Unknown`, or `Absent` where there is no such daemon."""
        if daemon in self.refused:
            refusal = self.refused[daemon]
            raise Unknown(str(refusal), *refusal.evidence)
        if daemon not in self.confs:
            raise Absent(f"{daemon} is not installed")
        return self.confs[daemon]

    @property
    def qemu(self) -> DaemonConf:
        """The settings of the daemon that runs the guests."""
        return self.of(self.libvirt.qemu_daemon)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read them all; an installed daemon without a file runs with libvirt's defaults."""
        libvirt = host.get(Libvirt)
        units = host.get(DaemonUnits)
        confs: dict[str, DaemonConf] = {}
        refused: dict[str, Unknown] = {}
        for daemon in DAEMONS:
            try:
                path = units.service(daemon).config or f"/etc/libvirt/{daemon}.conf"
                file = read_conf(host.source, path)
                if daemon in libvirt.installed or file.text is not None:
                    confs[daemon] = typed(DaemonConf, file)
            except Unknown as unknown:
                refused[daemon] = unknown
        return cls(confs, refused, libvirt)
