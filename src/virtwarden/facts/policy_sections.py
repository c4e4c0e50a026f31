"""The sections of a policy: what each of them says, with its default and what it may not say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Literal

_LISTENER = re.compile(r"(?:tcp|udp)/(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_FIRST_DISPLAY, _LAST_PORT = 5900, 65535
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcb:
    """`[tcb]`: what may run on the host, and who may use it.

    `allowed_listeners`: `tcp/22`, `udp/5353` or `tcp/49152-49215`, what may listen for the network;
    `administrators`: users who may be in groups that are as good as root; `nested_guests`: guests (patterns)
    that may run guests of their own; `share_memory`: kernel same-page merging is wanted; `allow_smt`: guests
    may share a core where the kernel mitigates what it can; `require_lockdown`: the kernel must be locked down.
    """

    allowed_listeners: tuple[str, ...] = ("tcp/22",)
    administrators: tuple[str, ...] = ()
    nested_guests: tuple[str, ...] = ()
    share_memory: bool = False
    allow_smt: bool = True
    require_lockdown: bool = False

    def __post_init__(self) -> None:
        """Refuse what would mean no listener at all."""
        for item in self.allowed_listeners:
            found = _LISTENER.fullmatch(item)
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
            if not 0 < first <= last <= _LAST_PORT:
                raise ValueError(f"{item!r} is no listener; write tcp/22, udp/5353 or tcp/49152-49215")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`[network]`: `management_interface`, the device by which the host is managed; `management_sources`, the networks
    from which it is (`192.0.2.0/24`); `migration_address`, where it awaits guests from other hosts; `vlans`, the VLAN
    id of each bridge; `routing`, the host may forward packets between networks."""

    management_interface: str | None = None
    management_sources: tuple[str, ...] = ()
    migration_address: str | None = None
    vlans: dict[str, int] = field(default_factory=dict)
    routing: bool = False

    def __post_init__(self) -> None:
        """Refuse what a firewall could not be told, and networks that would let everybody in."""
        for source in self.management_sources:
            if ip_network(source).prefixlen == 0:
                raise ValueError(f"{source} in management_sources is everybody")
        if self.migration_address is not None and ip_address(self.migration_address).is_unspecified:
            raise ValueError(f"{self.migration_address} as migration_address is every address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """`[filter]`: `trusted_guests` (patterns) need no network filter; `accepted_filters` are the site's own
    filters that count as protection against spoofing, besides libvirt's."""

    trusted_guests: tuple[str, ...] = ()
    accepted_filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """`[storage]`: `image_directories` where images may lie; `shared_disks` (paths, patterns) that several
    guests are meant to share."""

    image_directories: tuple[str, ...] = ("/var/lib/libvirt/images",)
    shared_disks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """`[remote]`: `transport`, `ssh` or `tls`, how the host is managed from elsewhere; `ssh_user`, the account for
    it; `ssh_consoles`, that account may tunnel to the ports of consoles; `sasl_over_tls`, TLS clients log in by name
    as well; `sasl_mechanism`, `scram-sha-256` or `gssapi`; `sasl_users`, who may log in so; `certificates`, the
    folder on the host from which its certificates and keys are placed; `listen`, the address on which it offers TLS,
    where that is not the one of the management interface; `allowed_dns`, subjects of client certificates that may
    manage the host, as libvirt spells them; the least RSA key size in bits; the longest lives of certificates and the
    notice before they end, in days."""

    transport: Literal["ssh", "tls"] = "ssh"
    ssh_user: str | None = None
    ssh_consoles: bool = False
    sasl_over_tls: bool = False
    sasl_mechanism: Literal["scram-sha-256", "gssapi"] = "scram-sha-256"
    sasl_users: tuple[str, ...] = ()
    certificates: str | None = None
    listen: str | None = None
    allowed_dns: tuple[str, ...] = ()
    rsa_bits: int = 2048
    leaf_days: int = 825
    authority_days: int = 3653
    notice_days: int = 30

    def __post_init__(self) -> None:
        """Refuse what is no name of an account, no whole path and no one address."""
        if self.ssh_user is not None and _ACCOUNT.fullmatch(self.ssh_user) is None:
            raise ValueError(f"{self.ssh_user!r} is no name of an account")
        if self.certificates is not None and not self.certificates.startswith("/"):
            raise ValueError(f"{self.certificates!r} in certificates does not begin with /")
        if self.listen is not None and ip_address(self.listen).is_unspecified:
            raise ValueError(f"{self.listen} in listen is every address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """`[console]`: `password_days`, how long a console password may be valid; `listen`, where consoles that may not
    stay where they are go: `socket`, `loopback` or `management`, the management address, which is it by itself where
    the transport is `tls` (else `socket`); `last_port`, the highest port, from 5900 on, that libvirt picks."""

    password_days: int = 30
    listen: Literal["socket", "loopback", "management"] | None = None
    last_port: int = 5999

    def __post_init__(self) -> None:
        """Refuse what would leave no port."""
        if not _FIRST_DISPLAY < self.last_port <= _LAST_PORT:
            raise ValueError(f"last_port is {self.last_port}; it lies between {_FIRST_DISPLAY} and {_LAST_PORT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Svirt:
    """`[svirt]`: `unconfined_guests` (patterns) may run without a security label."""

    unconfined_guests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestClass:
    """`[limits.classes.NAME]`: limits for the guests whose names match; None sets none.

    Units: MiB of memory, percent of one processor, IOPS, MiB/s and KiB/s.
    """

    guests: tuple[str, ...]
    memory_mib: int | None = None
    cpu_shares: int | None = None
    cpu_percent: int | None = None
    disk_iops: int | None = None
    disk_mib_per_second: int | None = None
    network_kib_per_second: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`[limits]`: `host_reserve_mib` of memory stay with the host; `classes` of guests with their limits."""

    host_reserve_mib: int = 1024
    classes: dict[str, GuestClass] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """`[encryption]`: `guests` (patterns) whose disks must be encrypted; `pbkdf_memory_kib` the least that
    argon2 may use; `require_swap`, swap must be encrypted."""

    guests: tuple[str, ...] = ()
    pbkdf_memory_kib: int = 65536
    require_swap: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """`[audit]`: the least `backlog_limit`; the least amount of log that is kept, in MiB; `immutable`, the
    rules must be locked until the next boot."""

    backlog_limit: int = 8192
    keep_mib: int = 40
    immutable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """`[upkeep]`: `services` (unit names) that the host may run besides those of virtualization."""

    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverEntry:
    """`[[waiver]]`: a failure the site accepts until the end of the day `ends`. Without `subject`, any."""

    control: str
    reason: str
    owner: str
    ends: date
    subject: str = ""

    def __post_init__(self) -> None:
        """Refuse what nobody answers for."""
        for name in ("reason", "owner"):
            if not getattr(self, name).strip():
                raise ValueError(f"there is nothing in {name}")
